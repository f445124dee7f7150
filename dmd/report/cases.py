"""The files ``cases.csv`` of runs and guests: read as they were written, refused where anything is missing."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dmd.errors import InputError
from dmd.report.empty import treat_empty
from dmd.report.together import read_together
from dmd.runs.outcomes import MEASURED, outcome
from dmd.testing.evaluation import COLUMNS, COUNTS, DIAGONALS, POST_PROCESSING, SCORES

PERCENT = ["dice", "jaccard"]  # fractions in cases.csv
VOXEL = ["hd95_voxel", "asd_voxel"]  # those in millimetres may be unknown
KEY = ["case", "class", "post_processing"]
TEXT = dict.fromkeys(("case", "patient", "post_processing"), str)
NUMBERS = {"class": int} | dict.fromkeys(SCORES + DIAGONALS, float) | dict.fromkeys(COUNTS, int)
HOW = {
    "usecols": list(COLUMNS),
    "dtype": TEXT | NUMBERS,
    "keep_default_na": False,
    "na_values": {name: [""] for name in SCORES + DIAGONALS},  # and nowhere else: a case may be called "NA"
}


def read_cases(files: Sequence[tuple[Path, int]]) -> list[pd.DataFrame]:
    """Return the lines of each file, with what `dmd.report.tested.Tested` says.

    Parameters
    ----------
    files : sequence of (Path, int)
        Each with its number of classes, the background among them.

    Raises
    ------
    InputError
        A file is missing, cannot be read, does not hold every class of every case once per post-processing, or lacks
        a score.
    """
    if not files:
        return []
    lines = _read([path for path, _ in files])
    _require_whole(lines, files)
    lines["outcome"] = list(map(outcome, lines["predicted_voxels"], lines["reference_voxels"]))
    lacking = lines[PERCENT].isna().any(axis=1) | (lines[VOXEL].isna().any(axis=1) & (lines["outcome"] == MEASURED))
    if lacking.any():
        place = lines["file"][lacking].iloc[0]
        names = ", ".join(lines["case"][lacking & (lines["file"] == place)].unique()[:5])
        raise InputError(
            f"{files[place][0]}: expected every score of every case, found gaps for {names}; delete the file and "
            "evaluate the run again"
        )
    lines[PERCENT] *= 100
    ends = np.searchsorted(lines["file"], range(len(files) + 1))
    treated = treat_empty(lines.drop(columns="file"), "no_distance")
    return [treated.iloc[start:end].reset_index(drop=True) for start, end in itertools.pairwise(ends)]


def _read(paths: list[Path]) -> pd.DataFrame:
    try:
        return read_together(paths, **HOW).reset_index()
    except (OSError, ValueError, OverflowError) as error:
        if len(paths) > 1:  # one of them names the file
            return pd.concat([_read([path]).assign(file=place) for place, path in enumerate(paths)], ignore_index=True)
        what = f": {error}; delete it and evaluate the run again"
        if isinstance(error, FileNotFoundError):
            what = ", found no file; evaluate the run"
        raise InputError(f"expected the test scores of a run at {paths[0]}{what}") from None


def _require_whole(lines: pd.DataFrame, files: Sequence[tuple[Path, int]]) -> None:
    """Require each class of each case once for each post-processing, and a case at all."""
    most = pd.Series([number - 1 for _, number in files])
    by_file = lines.groupby("file")
    found = pd.DataFrame({"lines": by_file.size(), "cases": by_file["case"].nunique()}).reindex(
        most.index, fill_value=0
    )
    known = lines["class"].between(1, lines["file"].map(most)) & lines["post_processing"].isin(POST_PROCESSING)
    odd = lines.duplicated(["file", *KEY]) | ~known
    short = (found["lines"] == 0) | (found["lines"] != found["cases"] * most * len(POST_PROCESSING))
    for place in sorted({*lines["file"][odd], *found.index[short]}):
        _refuse(lines[lines["file"] == place], *files[place])


def _refuse(lines: pd.DataFrame, path: Path, number: int) -> None:
    classes = range(1, number)
    found = Counter(lines[KEY].itertuples(index=False, name=None))
    expected = Counter(itertools.product(lines["case"].unique(), classes, POST_PROCESSING))
    faults = sorted((expected - found) + (found - expected)) or "no case at all"
    raise InputError(
        f"{path}: expected each case with each of the classes {list(classes)} once for each post-processing, "
        f"found otherwise: {faults}; delete the file and evaluate the run again"
    )
