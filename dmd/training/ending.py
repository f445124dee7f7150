"""What a training leaves when it ends, and whether it has ended."""

import sys
from typing import Any

from torch import Tensor

from dmd.errors import InputError
from dmd.files import write_text
from dmd.runs.bare import require_weights
from dmd.runs.folder import RunFolder
from dmd.runs.history import write_table
from dmd.runs.state import State
from dmd.runs.tensors import save_tensors
from dmd.runs.vouching import is_whole, vouch
from dmd.training import snapshots


def is_over(run: RunFolder) -> bool:
    """Say whether the training of a run has ended and all that it made is there.

    Raises
    ------
    InputError
        Something that it made is there and not vouched for, and there is no state to make it again from; or the run is
        here without its weights.
    """
    if is_whole(run, run.facts):
        print(f"{run.id}: is trained; `dmd retrain {run.id}` has it trained again", file=sys.stderr)
        return True
    require_weights(run)
    if run.weights.exists() and not run.state.exists():
        raise InputError(
            f"{run.path}: expected the files that {run.facts.name} vouches for, found others, and no state that they "
            f"could be made from. `dmd doctor {run.path}` says what is wrong; `dmd retrain {run.path}` "
            "has the run trained again"
        )
    return False


def write(run: RunFolder, state: State, weights: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write the weights to test, the history as a table, and ``run.json``, which vouches for them.

    All that it says of commit, machine and data is what the attempts noted that made the steps.
    """
    save_tensors(run.weights, weights)
    write_text(run.history, state.history)
    write_table(run.history, run.history_table)
    cost = {
        "wall_seconds": round(state.seconds, 1),
        "processor_seconds": round(state.processor_seconds, 1),
        "seconds_per_step": round(state.seconds / state.step, 4),
        "peak_memory_mb": round(state.peak_memory_mb),
    }
    # What the last attempt was made by stands on top; all of them, in order, below.
    latest = {name: value for name, value in state.attempts[-1].items() if name not in ("first_step", "changes")}
    content = {"steps": state.step} | facts | cost | latest | {"attempts": state.attempts}
    kept = map(run.snapshot, snapshots.steps(state.step))
    vouch(run, run.facts, content, [run.weights, run.history_table, *kept])
