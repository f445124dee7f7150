"""What choosing weights on the test patients would add, where they were looked at while a run trained."""

from typing import Any

import pandas as pd

from dmd.report.history import read_history
from dmd.runs.folder import RunFolder


def oracle_gap(run: RunFolder, training: dict[str, Any]) -> float:
    """Return the best mean Dice of all looks at the test patients minus that of an honest choice, in percentage points.

    That is the best on the validation patients where weights are chosen on them, else the last. NaN where nobody looked
    (``oracle_every`` of the settings) or the history is gone; 0 where the honest choice is the best of all looks.
    """
    watched = training.get("oracle_every") or training["selection"] == "oracle"
    history = read_history(run) if watched else pd.DataFrame()
    if "oracle_dice" not in history:
        return float("nan")
    looks = history.dropna(subset="oracle_dice")
    seen = looks["oracle_dice"]
    honest = int(looks["validation_dice"].argmax()) if training["selection"] == "validation" else -1
    return 100 * float(seen.max() - seen.iloc[honest])
