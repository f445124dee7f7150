"""Left atrium: 100 contrast-enhanced MR scans of the 2018 challenge, cropped and normalised as for UA-MT."""

from pathlib import Path

import numpy as np

from dmd.data.intensity import z_score
from dmd.data.sources.readers import read_volume

LAYOUT = (
    "The left atrium set is a folder that holds, for each of the 100 scans,\n"
    "    2018LA_Seg_Training Set/<scan>/mri_norm2.h5\n"
    "as in the folder `data` of github.com/yulequan/UA-MT. Name it in the configuration: `data.la: /path`."
)

normalise = z_score


def path(folder: Path, case: str) -> Path:
    """Return the file of a case."""
    return folder / "2018LA_Seg_Training Set" / case / "mri_norm2.h5"


def cases(patient: str) -> list[str]:
    """Return the one scan of a patient; both have the same name."""
    return [patient]


def public_name(case: str) -> str:
    """Return the name of a case in the public archive."""
    return case


def read(folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return image float32 ``(X, Y, Z)``, z-scored before it was cropped, and label uint8 in {0, 1}."""
    return read_volume(path(folder, case), LAYOUT)
