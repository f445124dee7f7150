"""What one attempt at a run notes, heeds and refuses."""

import json
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
import torch
from conftest import tiny_training
from torch import Tensor, nn
from trainings import await_steps, command, stop_after

from dmd.data.batches import Batch
from dmd.errors import DivergedError, InputError
from dmd.methods.base import Method, Predictor
from dmd.planning.identity import plain
from dmd.runs import sources
from dmd.training import attempt, checkout, provenance
from dmd.training.loop import train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}


class Watching(Method):
    """Runs its network after the optimiser's step, as a method may that measures itself."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Conv3d(1, 1, 1)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        return {"mean": self.network(batch.images).float().mean()}

    def after_step(self, step: int) -> None:
        self.seen = self.network(torch.ones(1, 1, 2, 2, 2))

    @property
    def predictor(self) -> nn.Module:
        return Predictor(self.network)


def test_what_runs_after_the_step_sees_the_weights_after_it_and_in_full_precision():
    """Autocast keeps the weights that it has lowered until it is left."""
    method = Watching()
    method.start_training({"lr": 0.5, "momentum": 0, "weight_decay": 0})
    before = method.network.weight.item()
    batch = Batch(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.int64))
    method.train_step(batch, 0, torch.autocast("cpu", torch.bfloat16))
    assert method.seen.dtype == torch.float32
    assert method.network.weight.item() == pytest.approx(before - 0.5)
    expected = method.network.weight.item() + method.network.bias.item()
    assert method.seen.flatten()[0].item() == pytest.approx(expected, rel=1e-6)


@pytest.fixture
def as_if_dirty(monkeypatch):
    monkeypatch.setattr(attempt, "changes", lambda: "diff --git a/dmd/methods/mine.py b/dmd/methods/mine.py\n")


def test_every_attempt_says_what_it_was_made_by(tiny_store, tiny_run, monkeypatch, as_if_dirty):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    stop_after(run, tiny_store[3], 4, monkeypatch, save_every=2)
    monkeypatch.setattr(attempt, "changes", lambda: "")
    monkeypatch.setattr(provenance, "commit", lambda: "abc")
    train(run, tiny_store[3], "cpu")
    first, second = json.loads(run.facts.read_text())["attempts"]
    assert (first["first_step"], second["first_step"]) == (1, 5)
    assert (first["changes"], second["changes"]) == ("changes-1.patch", None)
    assert run.changes(1).read_text().startswith("diff --git a/dmd/methods/mine.py")
    assert second["commit"] == "abc"


def edited(monkeypatch) -> None:
    """Let the method's file have other statements from here on."""
    of = SimpleNamespace(source="0" * 64)
    for module in (sources, provenance):
        monkeypatch.setattr(module, "declaration", lambda implementation: of)


def test_an_interrupted_training_does_not_go_on_with_another_method_unless_that_is_kept(
    tiny_store, tiny_run, monkeypatch
):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    stop_after(run, tiny_store[3], 4, monkeypatch)
    before = run.state.read_bytes()
    edited(monkeypatch)
    said = rf"state\.pt: .* other statements in .*dmd\.py .* `revision` .* `keep`\. `dmd retrain {run.id}`"
    with pytest.raises(InputError, match=said):
        train(run, tiny_store[3], "cpu")
    assert run.state.read_bytes() == before
    train(run, tiny_store[3], "cpu", kept=True)
    first, second = json.loads(run.facts.read_text())["attempts"]
    assert first["method_source"] != second["method_source"] == "0" * 64


def test_a_patch_of_an_attempt_that_saved_nothing_goes(tiny_store, tiny_run, monkeypatch, as_if_dirty):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    stop_after(run, tiny_store[3], 4, monkeypatch)
    run.changes(2).write_text("of an attempt that was killed before its first state")
    run.changes(3).write_text("of one before the run started over")
    monkeypatch.setattr(attempt, "changes", lambda: "")
    train(run, tiny_store[3], "cpu")
    assert [path.name for path in run.path.glob("*.patch")] == ["changes-1.patch"]


@pytest.mark.parametrize("name", ["step", "loss", "learning_rate", "validation_dice", "oracle_dice"])
def test_a_loss_term_takes_no_other_columns_place(tiny_store, tiny_run, monkeypatch, name):
    step = Method.train_step
    monkeypatch.setattr(Method, "train_step", lambda *given: {name: next(iter(step(*given).values()))})
    with pytest.raises(InputError, match=f"expected loss terms with names of their own, found {name}: the history has"):
        train(tiny_run(tiny_training(3, "dmd", DMD)), tiny_store[3], "cpu")


def test_a_finished_training_is_no_further_attempt(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    train(run, tiny_store[3], "cpu")
    before = json.loads(run.facts.read_text())
    run.weights.unlink()
    train(run, tiny_store[3], "cpu")
    assert json.loads(run.facts.read_text()) == before
    assert run.weights.exists()


def test_a_file_that_git_does_not_know_makes_a_commit_dirty_and_stands_in_the_patch(tmp_path, monkeypatch):
    """``git describe --dirty`` does not see it: a run of a method of one's own claimed a clean commit."""
    (tmp_path / "dmd").mkdir()
    (tmp_path / "dmd/old.py").write_text("a = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@y"]
    for made in (["init", "-q"], ["add", "dmd"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *made], check=True)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    clean = checkout.commit()
    assert len(clean) == 12
    assert checkout.changes() == ""
    (tmp_path / "dmd/mine.py").write_text("b = 2\n")
    (tmp_path / "dmd/old.py").write_text("a = 3\n")
    assert checkout.commit() == f"{clean}-dirty"
    patch = checkout.changes()
    subprocess.run([*git, "stash", "-qu"], check=True)
    subprocess.run([*git, "apply"], input=patch.encode(), check=True)
    assert (tmp_path / "dmd/mine.py").read_text() == "b = 2\n"
    assert (tmp_path / "dmd/old.py").read_text() == "a = 3\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_and_leaves_with_its_own_status_and_no_traceback(number, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD) | {"iterations": 400})
    # What starts the tests in the background may have them ignore signals, and their children too.
    heeding = ["env", "--default-signal=TERM,INT,HUP"]
    training = subprocess.Popen([*heeding, *command(run, tiny_store[3])], stderr=subprocess.PIPE, text=True)
    await_steps(training, run, 3)
    training.send_signal(number)
    said = training.communicate()[1]
    assert training.returncode == 128 + number
    assert "saved at step" in said
    assert "Traceback" not in said
    assert torch.load(run.state, weights_only=True)["step"] >= 3


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch):
    """As SIGHUP is under ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with attempt._signals() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
            assert asked == set()
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.01)
            assert asked == {signal.SIGUSR1}
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_divergence_before_the_first_state_promises_none(tiny_store, tiny_run, monkeypatch):
    run = tiny_run(tiny_training(3, "dmd", DMD | {"weight": 1e300}))
    with pytest.raises(DivergedError, match="No state was saved before"):
        train(run, tiny_store[3], "cpu")


@pytest.mark.parametrize(
    "change",
    [
        {"optimiser": {"lr": 1e38, "momentum": 0.9, "weight_decay": 0.0001}},
        {"optimiser": {"lr": 0.01, "momentum": 0, "weight_decay": 1e38}},
        {"method": {"implementation": "dmd", "revision": 1, "params": DMD | {"weight": 1e38}}},
    ],
    ids=["rate", "decay", "weight"],
)
def test_a_number_that_is_far_too_large_diverges(tiny_store, tiny_run, change):
    """As whole numbers, which settings have them as, they are beyond 64 bits: an OverflowError."""
    run = tiny_run(plain(tiny_training(3, "dmd", DMD) | change))
    with pytest.raises(DivergedError, match="are not finite"):
        train(run, tiny_store[3], "cpu")


LACKS = r"patch \[16, 16, 16\], batch .*allocate.*Lower one of these"


@pytest.mark.parametrize(
    ("error", "said", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB"), InputError, LACKS),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), InputError, LACKS),
        (MemoryError("Unable to allocate 9 GiB"), InputError, LACKS),
        (RuntimeError("another"), RuntimeError, "^another$"),
    ],
)
def test_too_little_memory_is_said_with_what_it_depends_on(tiny_store, tiny_run, monkeypatch, error, said, message):
    def lacking(*_: object) -> None:
        raise error

    monkeypatch.setattr(Method, "train_step", lacking)
    with pytest.raises(said, match=message):
        train(tiny_run(tiny_training(3, "dmd", DMD)), tiny_store[3], "cpu")
