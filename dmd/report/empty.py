"""What test scores count as where a mask is empty: the conventions that an artefact names under ``empty``."""

import pandas as pd

from dmd.planning.artefacts import Empty
from dmd.runs.outcomes import FALSE_ALARMS, MEASURED, MISSED, RIGHTLY_EMPTY

# The distance of each outcome in diagonals of its volume; none where it is not named.
DISTANCES: dict[Empty, dict[str, float]] = {
    "no_distance": {},
    "as_published": {MISSED: 0.0, RIGHTLY_EMPTY: 0.0},
    "penalised": {MISSED: 1.0, FALSE_ALARMS: 1.0, RIGHTLY_EMPTY: 0.0},
}


def treat_empty(lines: pd.DataFrame, how: Empty) -> pd.DataFrame:
    """Return test scores with those of empty masks as a convention has them; the others stay as they are.

    Parameters
    ----------
    lines : DataFrame
        The columns of ``cases.csv``, with ``outcome`` (`dmd.runs.outcomes`).
    how : str
        ``no_distance``: no distance. ``penalised``: the worst distance, the diagonal of the volume, where one mask is
        empty, and the best, 0, where both are (Project-MONAI/MetricsReloaded leaves these undefined and asks for as
        much when they are averaged). ``as_published``: every score of an empty prediction is 0, as in released test
        scripts (yulequan/UA-MT:code/test_util.py); a false alarm has no distance.
    """
    lines, empty = lines.copy(), lines["outcome"] != MEASURED
    shares = lines["outcome"].map(DISTANCES[how]).astype(float)
    for unit in ("voxel", "mm"):
        distances = shares * lines[f"diagonal_{unit}"]  # NaN without a spacing
        for score in ("hd95", "asd"):
            lines.loc[empty, f"{score}_{unit}"] = distances[empty]
    if how == "as_published":
        lines.loc[lines["predicted_voxels"] == 0, ["dice", "jaccard"]] = 0.0
    return lines
