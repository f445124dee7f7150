"""The resumable state of a training: written aside and renamed, read only if it is whole and this run's own."""

import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from dmd.errors import InputError
from dmd.runs.tensors import DamagedError, load_tensors, save_tensors


@dataclass
class State:
    """What a training goes on from.

    Attributes
    ----------
    run : str
        Id of the run that it belongs to.
    step : int
        Steps that are done.
    history : str
        The lines of the history that belong to these steps: whatever becomes of the file, none is lost.
    seconds : float
        Wall time spent on them, over all attempts, also while the process was stopped.
    processor_seconds : float
        Processor time spent on them, over all threads and attempts.
    peak_memory_mb : float
        Most memory that any attempt held.
    attempts : list of dict
        Of each process that has worked on the run: its first step and what it was made by.
    training : dict
        Modules and optimisers, as `Method.training_state` gives them.
    best : dict, optional
        The best validation so far with its weights, as `Selection.best` holds it.
    """

    run: str
    step: int
    history: str
    seconds: float
    processor_seconds: float
    peak_memory_mb: float
    attempts: list[dict[str, Any]]
    training: dict[str, Any]
    best: dict[str, Any] | None = None


def save_state(path: Path, state: State) -> None:
    """Replace the state file; the previous one survives a full disk or a kill."""
    save_tensors(path, asdict(state))


def load_state(path: Path, run: str, device: torch.device) -> State | None:
    """Return the saved state, or ``None`` where there is none that can be used.

    A file that is truncated or damaged starts the run over with a warning.

    Raises
    ------
    InputError
        The state belongs to another run, or was saved by another version of this package.
    """
    if not path.exists():
        return None
    try:
        content = load_tensors(path, device)
    except DamagedError as error:
        warnings.warn(f"the state is damaged ({error}); the run starts over from its first step", stacklevel=2)
        return None
    try:
        state = State(**content)
    except TypeError:
        raise InputError(
            f"{path}: expected a state that this version of dmd saved, found another. Go on with the version that "
            "began the run, or start it over with `dmd retrain`"
        ) from None
    if state.run != run:
        raise InputError(
            f"{path}: expected the state of run '{run}', found that of '{state.run}'; "
            "delete the file if the run is to start over"
        )
    return state
