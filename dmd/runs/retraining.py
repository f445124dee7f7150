"""Take a training back: the run then has its settings and nothing else, and is trained from its first step."""

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.ownership import alive, owned


def take_back(run: RunFolder) -> None:
    """Delete all that training and test of a run have made.

    What a training would go on from goes first and the weights last: killed on the way, it is repeated and ends.

    Raises
    ------
    InputError
        The run trains now, or its folder holds the settings of another.
    """
    run.read_spec()
    if alive(run.owner):
        raise InputError(f"{run.id} trains now, as {run.owner} says; stop that job first")
    with owned(run.owner, run.id, waits=False):
        first = [run.state, run.history, *run.path.glob("snapshots/*.pt"), *run.path.glob("changes-*.patch"), run.usage]
        tested = [run.test, run.cases, run.predictions, run.tracked]
        for path in (*first, *tested, run.history_table, run.facts, run.weights):
            path.unlink(missing_ok=True)
        if run.snapshot(0).parent.is_dir() and not any(run.snapshot(0).parent.iterdir()):
            run.snapshot(0).parent.rmdir()
