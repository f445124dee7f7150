"""The histories of runs as tables, whether they are trained or train now."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dmd.errors import InputError
from dmd.report.together import read_together
from dmd.runs.folder import RunFolder
from dmd.runs.history import read_steps
from dmd.runs.vouching import require_own


def has_history(run: RunFolder) -> bool:
    """Say whether a run has done a step, as far as its files show."""
    return run.history_table.exists() or (run.history.exists() and next(read_steps(run.history), None) is not None)


def read_history(run: RunFolder) -> pd.DataFrame:
    """Return a line per step of a run that is trained, or that trains now; none before its first.

    Raises
    ------
    InputError
        The history is no table of numbers, or is not the run's own.
    """
    return read_histories([run]).reset_index(drop=True)


def read_histories(runs: Sequence[RunFolder]) -> pd.DataFrame:
    """Return the lines of each run as `read_history` does; the index is the place of theirs among the runs."""
    tables = {place: run for place, run in enumerate(runs) if run.history_table.exists()}
    found = [_placed(_read_steps(run), place) for place, run in enumerate(runs) if place not in tables]
    if tables:
        lines = _read_tables(list(tables.values()))
        found.append(_placed(lines, np.array(list(tables))[lines.index]))
    return pd.concat(found)


def _placed(lines: pd.DataFrame, place: int | np.ndarray) -> pd.DataFrame:
    return lines.set_axis(pd.Index(np.broadcast_to(place, len(lines)), name="run"))


def _read_steps(run: RunFolder) -> pd.DataFrame:
    steps = read_steps(run.history) if run.history.exists() else ()
    return pd.DataFrame([{"step": line["step"], **line["values"]} for line in steps])


def _read_tables(runs: Sequence[RunFolder]) -> pd.DataFrame:
    for run in runs:
        require_own(run, run.history_table)
    try:
        return read_together([run.history_table for run in runs]).astype(float).astype({"step": int})
    except (ValueError, KeyError) as error:
        if len(runs) > 1:  # one of them names the file
            return pd.concat([_placed(_read_tables([run]), place) for place, run in enumerate(runs)])
        raise InputError(
            f"expected the history of a trained run at {runs[0].history_table}: {error}; delete the file and train the "
            "run again"
        ) from None
