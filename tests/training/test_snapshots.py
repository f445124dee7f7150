import errno

import pytest
import torch
from conftest import tiny_training
from trainings import stop_after

from dmd.errors import InputError
from dmd.runs.tensors import save_tensors
from dmd.training import snapshots
from dmd.training.loop import train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}
CPU = torch.device("cpu")


@pytest.fixture
def trained(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "straight")
    train(run, tiny_store[3], "cpu", save_every=2)
    return run


def test_weights_are_kept_at_fixed_fractions():
    assert snapshots.steps(6000) == [750, 1500, 3000]
    assert snapshots.steps(10) == [1, 2, 5]
    assert snapshots.steps(1) == [1]


def test_a_run_leaves_a_snapshot_at_each_of_them(trained):
    assert sorted(path.name for path in (trained.path / "snapshots").iterdir()) == [
        "000001.pt",
        "000002.pt",
        "000005.pt",
    ]
    held = torch.load(trained.snapshot(5), weights_only=True)
    assert held.keys() == torch.load(trained.weights, weights_only=True).keys()


def test_snapshots_of_a_stopped_run_have_the_same_bytes(trained, tiny_store, tiny_run, monkeypatch):
    run = tiny_run(tiny_training(3, "dmd", DMD), "stopped")
    stop_after(run, tiny_store[3], 4, monkeypatch, save_every=2)
    before = run.snapshot(2).stat().st_mtime_ns
    train(run, tiny_store[3], "cpu", save_every=2)
    assert run.snapshot(2).stat().st_mtime_ns == before
    for step in snapshots.steps(10):
        assert run.snapshot(step).read_bytes() == trained.snapshot(step).read_bytes()


def test_a_run_that_starts_over_writes_the_same_snapshots_again(trained, tiny_store):
    before = {step: trained.snapshot(step).read_bytes() for step in snapshots.steps(10)}
    for path in (trained.state, trained.weights):
        path.unlink()
    trained.snapshot(1).write_bytes(b"older")
    train(trained, tiny_store[3], "cpu")
    assert {step: trained.snapshot(step).read_bytes() for step in before} == before


def test_the_last_weights_are_those_of_the_predictor(trained):
    spec = trained.read_spec().training
    weights = torch.load(trained.weights, weights_only=True)
    last = snapshots.load_snapshot(trained, spec, spec["iterations"], CPU)
    assert not last.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in last.state_dict().items())
    early = snapshots.load_snapshot(trained, spec, 1, CPU).state_dict()
    assert any(not torch.equal(tensor, weights[name]) for name, tensor in early.items())


def test_the_trained_method_has_both_networks(trained):
    method = snapshots.load_trained(trained, trained.read_spec().training, CPU)
    first, second = method.peers(torch.zeros(1, 1, 16, 16, 16))
    assert not method.training
    assert not torch.equal(first, second)


def test_a_trained_run_without_its_snapshots_is_trained(trained, tiny_store, capsys):
    """They may be deleted to save room, and a bundle has none."""
    trained.state.unlink()
    for step in snapshots.steps(10):
        trained.snapshot(step).unlink()
    before = {path: path.stat().st_mtime_ns for path in trained.path.iterdir()}
    train(trained, tiny_store[3], "cpu")
    assert f"{trained.id}: is trained" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in trained.path.iterdir()} == before
    trained.snapshot(5).write_bytes(b"another")
    with pytest.raises(InputError, match=r"expected the files that run\.json vouches for, found others"):
        train(trained, tiny_store[3], "cpu")


def test_what_one_may_not_read_is_no_reason_to_delete_a_run(trained, monkeypatch):
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(snapshots, "load_tensors", forbidden)
    with pytest.raises(PermissionError):
        snapshots.load_trained(trained, trained.read_spec().training, CPU)


def test_a_run_without_snapshots_or_of_an_earlier_step_says_what_to_do(trained):
    spec = trained.read_spec().training
    trained.snapshot(1).unlink()
    with pytest.raises(InputError, match=r"000001\.pt.*Delete the folder of the run"):
        snapshots.load_snapshot(trained, spec, 1, CPU)
    state = torch.load(trained.state, weights_only=True)
    save_tensors(trained.state, state | {"step": 4})
    with pytest.raises(InputError, match=f"found step 4 of run '{trained.id}'"):
        snapshots.load_trained(trained, spec, CPU)
    trained.state.write_bytes(b"torn")
    with pytest.raises(InputError, match=r"state\.pt"):
        snapshots.load_trained(trained, spec, CPU)
