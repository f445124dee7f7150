"""Vouch for a run of a time before runs vouched for themselves, if its files agree with its settings."""

from typing import Any

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.vouching import SEAL, SUMS, is_sealed, read_record, vouch


def adopt(run: RunFolder) -> None:
    """Write the records of a run anew, with checksums of its files as they are.

    Raises
    ------
    InputError
        The run is not trained, or a file does not agree with its settings: says which. Nothing is written then.
    """
    from dmd.report.picture import read_history
    from dmd.report.scores import read_run
    from dmd.training import snapshots

    training = run.read_spec().training
    facts, last = read_record(run, run.facts), training["iterations"]
    tested = read_record(run, run.test) if run.test.exists() else None
    if is_sealed(facts):
        raise InputError(f"{run.id} is vouched for; `dmd doctor {run.path}` says whether its files are those")
    _require(run.facts, "steps", last, facts.get("steps"))
    _require(run.history_table, "the steps", list(range(1, last + 1)), read_history(run)["step"].tolist())
    if run.weights.exists():
        _require_weights(run, training, facts.get("selected_step", last))
    if tested is not None:
        read_run(run)
    kept = map(run.snapshot, snapshots.steps(last))
    if tested is not None:  # first: killed between the two, it is done again
        vouch(run, run.test, _bare(tested), (run.weights, run.predictions, run.cases))
    vouch(run, run.facts, _bare(facts), (run.weights, run.history_table, *kept))


def _bare(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in ("run", SUMS, SEAL)}


def _require_weights(run: RunFolder, training: dict[str, Any], step: int) -> None:
    """Require weights that fit the network and, where the state is there, are those that the training ended with."""
    import torch

    from dmd.testing.prediction import load_predictor
    from dmd.training.snapshots import load_trained

    device = torch.device("cpu")
    found = load_predictor(run, training, device).state_dict()
    if run.state.exists() and step == training["iterations"]:
        ended = load_trained(run, training, device).predictor.state_dict()
        same = all(torch.equal(tensor, ended[name]) for name, tensor in found.items())
        _require(run.weights, "the weights at the end of", run.state.name, run.state.name if same else "others")


def _require(path: Any, what: str, expected: Any, found: Any) -> None:
    if expected != found:
        said = f"{expected}"[:40], f"{found}"[:40]
        raise InputError(f"{path}: expected {what} {said[0]}, found {said[1]}; the run is not vouched for")
