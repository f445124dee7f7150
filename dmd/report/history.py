"""The history of a run as a table, whether it is trained or trains now."""

import pandas as pd

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.history import read_steps
from dmd.runs.vouching import require_own


def read_history(run: RunFolder) -> pd.DataFrame:
    """Return a line per step of a run that is trained, or that trains now; none before its first.

    Raises
    ------
    InputError
        The history is no table of numbers.
    """
    if not run.history_table.exists():
        steps = read_steps(run.history) if run.history.exists() else ()
        return pd.DataFrame([{"step": line["step"], **line["values"]} for line in steps])
    require_own(run, run.history_table)
    try:
        return pd.read_csv(run.history_table).astype(float).astype({"step": int})
    except (ValueError, KeyError) as error:
        raise InputError(
            f"expected the history of a trained run at {run.history_table}: {error}; delete the file and train the run "
            "again"
        ) from None
