"""What choosing weights on the test patients would add, where they were looked at while a run trained."""

from typing import Any

import pandas as pd

from dmd.report.history import read_history
from dmd.runs.folder import RunFolder


def oracle_gap(run: RunFolder, training: dict[str, Any]) -> float:
    """Return the best mean Dice of all looks at the test patients minus that of the last, in percentage points.

    NaN where nobody looked (``oracle_every`` of the settings) or the history is gone; 0 where the last look is best.
    """
    watched = training.get("oracle_every") or training["selection"] == "oracle"
    history = read_history(run) if watched else pd.DataFrame()
    if "oracle_dice" not in history:
        return float("nan")
    seen = history["oracle_dice"].dropna()
    return 100 * float(seen.max() - seen.iloc[-1])
