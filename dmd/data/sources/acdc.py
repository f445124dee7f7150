"""ACDC: 100 patients, two frames of a cine MR scan each, as normalised to [0, 1] for SSL4MIS and WSL4MIS."""

from pathlib import Path

import numpy as np

from dmd.data.intensity import zero_to_one
from dmd.data.sources.readers import read_volume

LAYOUT = (
    "ACDC is a folder that holds, for each of the 100 patients,\n"
    "    data/patientNNN_frame01.h5 and data/patientNNN_frame02.h5\n"
    "(end of diastole, end of systole), as in the processed set of github.com/HiLab-git/SSL4MIS. Name it in\n"
    "the configuration: `data.acdc: /path`."
)

# Number of the frame at the end of systole, patients 1 to 100: the file names in
# HiLab-git/WSL4MIS:data/ACDC/ACDC_training_volumes, whose arrays are those of frame01 and frame02 in SSL4MIS.
END_SYSTOLE = (
    *(12, 12, 15, 15, 13, 16, 7, 13, 13, 13, 8, 13, 14, 13, 10, 12, 9, 10, 11, 11, 13, 11, 9, 9, 9),
    *(12, 11, 9, 12, 12, 10, 12, 14, 16, 11, 12, 12, 11, 10, 13, 11, 16, 7, 11, 13, 10, 9, 8, 11, 12),
    *(11, 9, 12, 12, 10, 12, 9, 14, 9, 14, 10, 9, 16, 12, 14, 11, 10, 12, 12, 10, 9, 11, 10, 12, 6),
    *(12, 9, 9, 11, 10, 7, 7, 8, 10, 9, 8, 10, 12, 10, 11, 9, 6, 14, 7, 12, 8, 11, 9, 9, 13),
)
# The end of diastole is frame 1 of every patient but one.
END_DIASTOLE = {"patient090": 4}

normalise = zero_to_one


def path(folder: Path, case: str) -> Path:
    """Return the file of a case."""
    return folder / "data" / f"{case}.h5"


def cases(patient: str) -> list[str]:
    """Return the two frames of a patient: end of diastole, end of systole."""
    return [f"{patient}_frame01", f"{patient}_frame02"]


def public_name(case: str) -> str:
    """Return the name of a case in the public archive, which numbers frames as they were recorded.

    >>> public_name("patient001_frame02")
    'patient001_frame12'
    """
    patient, frame = case.split("_frame")
    diastole, systole = END_DIASTOLE.get(patient, 1), END_SYSTOLE[int(patient.removeprefix("patient")) - 1]
    return f"{patient}_frame{diastole if frame == '01' else systole:02d}"


def read(folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Return image float32 ``(slices, Y, X)`` in [0, 1]; label uint8: 1 right, 3 left ventricle, 2 wall."""
    return read_volume(path(folder, case), LAYOUT)
