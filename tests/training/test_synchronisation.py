"""A step on a GPU never waits for the host: what would is counted on the CPU, operation by operation."""

import traceback
from collections import Counter

import pytest
import torch
from conftest import tiny_training
from torch.utils._python_dispatch import TorchDispatchMode

from dmd.methods.contract import Trial
from dmd.planning.declarations import declaration
from dmd.planning.implementations import methods
from dmd.runs.history import read_steps
from dmd.training.attempt import DivergedError
from dmd.training.loop import train

# Operations whose result, or its size, the host has to read.
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "bincount", "is_nonzero"}
# What waits by its nature, or on the host alone, per method: the operation and why.
KNOWN = {
    # Adam keeps its number of steps in a tensor of the host; `one_hot` looks at its labels on a CPU, not on a GPU.
    "dap": {("_local_scalar_dense", "optimiser"), ("_local_scalar_dense", "one_hot")},
    "sassnet": {("_local_scalar_dense", "optimiser")},
    # As many features as are well predicted are kept, and the bank holds as many as were found so far.
    "ssnet": {("index", "vectors["), ("_local_scalar_dense", "self.counts[")},
}


class Waits(TorchDispatchMode):
    """Counts operations that wait, by operation and the line of ours that called it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, str]] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masks = name.startswith("index") and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if name in WAITING or masks:
            ours = [frame.line for frame in traceback.extract_stack() if "/dmd/" in frame.filename]
            self.found[name, ours[-1]] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", methods())
def test_a_step_waits_for_nothing_but_what_is_known(name, content):
    dimensions = max(declaration(name).dimensions)
    stanza = content["methods"][name]
    params = stanza["params"] | stanza.get("adapted", {}).get("la" if dimensions == 3 else "acdc", {})
    trial = Trial.of(name, params, dimensions)
    method = trial.method()
    made = trial.batches(method)
    batches = [made[step] for step in range(4)]
    for step in range(2):  # optimisers and banks are filled
        method.train_step(batches[step], step)
    with Waits() as waits:
        for step in range(2, 4):
            method.train_step(batches[step], step)
    known = KNOWN.get(name, set())
    unknown = [where for where in waits.found if not any(where[0] == op and part in where[1] for op, part in known)]
    assert unknown == []
    assert all(any(op == where[0] and part in where[1] for where in waits.found) for op, part in known)


def test_loss_terms_come_once_in_so_many_steps_and_the_history_is_the_same(tiny_store, tiny_run, monkeypatch):
    settings = tiny_training(3, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}) | {"iterations": 40}
    straight, run = tiny_run(settings, "straight"), tiny_run(settings)
    train(straight, tiny_store[3], "cpu", save_every=1000)
    # The look at convolutions before the first step waits for what it finds.
    monkeypatch.setattr("dmd.training.loop.require_exact", lambda *_: None)
    transfers, plain = [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: transfers.append(tensor.shape) or plain(tensor))
    with Waits() as waits:
        train(run, tiny_store[3], "cpu", save_every=1000, note_every=20)
    # Three terms of each step: at the snapshots after 5, 10 and 20 steps, and at the end; each time followed by whether
    # the tensors of the method are finite.
    assert [size for (size,) in transfers[::2]] == [15, 15, 30, 60]
    assert len({*transfers[1::2]}) == 1
    assert not waits.found
    assert run.history_table.read_bytes() == straight.history_table.read_bytes()
    assert len({line["time"] for line in read_steps(run.history)}) > 2  # each step has its own


def test_a_loss_that_diverges_between_transfers_is_found_before_anything_is_saved(tiny_store, tiny_run):
    settings = tiny_training(3, "supervised", {"cross_entropy": 0.5, "dice": 0.5}) | {"iterations": 12}
    settings["optimiser"] = settings["optimiser"] | {"lr": 1e30}
    run = tiny_run(settings)
    with pytest.raises(DivergedError, match=r"at step [2-5] the loss terms"):
        train(run, tiny_store[3], "cpu", save_every=6, note_every=20)
    assert not run.state.exists()
