"""A run that is here without its weights, as a bundle gives it: enough for tables, and nothing trains it again."""

from dmd.errors import InputError
from dmd.runs.folder import RunFolder

STATE = "without weights"


def is_bare(run: RunFolder) -> bool:
    """Say whether a trained and tested run has no weights, nor a state that they could be made from."""
    whole = (run.facts, run.history_table, run.test, run.cases)
    return all(path.exists() for path in whole) and not run.weights.exists() and not run.state.exists()


def needs_training(run: RunFolder) -> bool:
    """Say whether a run that is planned is still to be trained."""
    return not run.is_trained and not is_bare(run)


def require_weights(run: RunFolder) -> None:
    """Raise an `InputError` for a run that `is_bare`: to train it unasked would cost hours and put others in place."""
    if is_bare(run):
        raise InputError(
            f"{run.weights}: expected the weights of '{run.id}', found a run that is here without them: its scores and "
            "history are all that tables and the page need. `dmd merge` a bundle of it with weights, or `dmd retrain "
            f"{run.id}` to have it trained here"
        )
