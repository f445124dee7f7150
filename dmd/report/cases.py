"""The file ``cases.csv`` of a run or guest: read as it was written, refused where anything is missing."""

import itertools
from collections import Counter
from pathlib import Path

import pandas as pd

from dmd.errors import InputError
from dmd.report.empty import treat_empty
from dmd.runs.outcomes import MEASURED, outcome
from dmd.testing.evaluation import COLUMNS, COUNTS, DIAGONALS, POST_PROCESSING, SCORES

PERCENT = ["dice", "jaccard"]  # fractions in cases.csv
VOXEL = ["hd95_voxel", "asd_voxel"]  # those in millimetres may be unknown


def read_cases(path: Path, number: int) -> pd.DataFrame:
    """Return the lines of ``number`` classes, the background among them, with what `dmd.report.scores.Tested` says.

    Raises
    ------
    InputError
        The file is missing, cannot be read, does not hold every class of every case once per post-processing, or lacks
        a score.
    """
    lines, classes = _read(path), range(1, number)
    found = Counter(zip(lines["case"], lines["class"], lines["post_processing"], strict=True))
    expected = Counter(itertools.product(lines["case"].unique(), classes, POST_PROCESSING))
    if found != expected or not found:
        faults = sorted((expected - found) + (found - expected)) or "no case at all"
        raise InputError(
            f"{path}: expected each case with each of the classes {list(classes)} once for each post-processing, "
            f"found otherwise: {faults}; delete the file and evaluate the run again"
        )
    lines["outcome"] = list(map(outcome, lines["predicted_voxels"], lines["reference_voxels"]))
    lacking = lines[PERCENT].isna().any(axis=1) | (lines[VOXEL].isna().any(axis=1) & (lines["outcome"] == MEASURED))
    if lacking.any():
        names = ", ".join(lines["case"][lacking].unique()[:5])
        raise InputError(
            f"{path}: expected every score of every case, found gaps for {names}; delete the file and evaluate "
            "the run again"
        )
    lines[PERCENT] *= 100
    return treat_empty(lines, "no_distance")


def _read(path: Path) -> pd.DataFrame:
    text = dict.fromkeys(("case", "patient", "post_processing"), str)
    numbers = {"class": int} | dict.fromkeys(SCORES + DIAGONALS, float) | dict.fromkeys(COUNTS, int)
    missing = {name: [""] for name in SCORES + DIAGONALS}  # and nowhere else: a case may be called "NA"
    types, wanted = text | numbers, list(COLUMNS)
    try:
        return pd.read_csv(path, usecols=wanted, dtype=types, keep_default_na=False, na_values=missing)
    except FileNotFoundError:
        raise InputError(f"expected the test scores of a run at {path}, found no file; evaluate the run") from None
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"expected the test scores of a run at {path}: {error}; delete it and evaluate the run again"
        ) from None
