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
    history_size : int
        Bytes of the history that belong to these steps.
    seconds : float
        Wall time spent on them, over all attempts.
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
    history_size: int
    seconds: float
    peak_memory_mb: float
    attempts: list[dict[str, Any]]
    training: dict[str, Any]
    best: dict[str, Any] | None = None


def save_state(path: Path, state: State) -> None:
    """Replace the state file; the previous one survives a full disk or a kill."""
    save_tensors(path, asdict(state))


def load_state(path: Path, run: str, history: Path, device: torch.device) -> State | None:
    """Return the saved state, or ``None`` where there is none that can be used.

    A file that is truncated or damaged, or whose history is shorter than it says, starts the run over with a warning.

    Raises
    ------
    InputError
        The state belongs to another run.
    """
    if not path.exists():
        return None
    try:
        state = State(**load_tensors(path, device))
    except DamagedError as error:
        warnings.warn(f"the state is damaged ({error}); the run starts over from its first step", stacklevel=2)
        return None
    if state.run != run:
        raise InputError(
            f"{path}: expected the state of run '{run}', found that of '{state.run}'; "
            "delete the file if the run is to start over"
        )
    size = history.stat().st_size if history.exists() else 0
    if size < state.history_size:
        warnings.warn(
            f"{history} holds {size} bytes where {path.name} expects {state.history_size}; "
            "the run starts over from its first step",
            stacklevel=2,
        )
        return None
    return state
