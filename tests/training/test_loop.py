import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import tiny_training
from trainings import await_steps, command, stop_after

from dmd.devices import describe_processor
from dmd.errors import DivergedError, InputError
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, read_steps
from dmd.runs.state import load_state, save_state
from dmd.training import attempt, provenance
from dmd.training.loop import noise_seed, train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}


@pytest.fixture
def trained(tiny_store, tiny_run) -> RunFolder:
    """A run that was never interrupted."""
    run = tiny_run(tiny_training(3, "dmd", DMD), "straight")
    train(run, tiny_store[3], "cpu", save_every=3)
    return run


def start_and_signal(run: RunFolder, store, number: int, after: int, save_every: int = 1) -> subprocess.Popen:
    """Start a training in a process of its own and send it a signal once ``after`` steps are written."""
    process = subprocess.Popen(command(run, store, save_every=save_every), stderr=subprocess.PIPE, text=True)
    await_steps(process, run, after)
    process.send_signal(number)
    return process


def require_equal(one: RunFolder, other: RunFolder) -> None:
    assert one.history_table.read_bytes() == other.history_table.read_bytes()
    weights = [torch.load(run.weights, weights_only=True) for run in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_leaves_weights_history_and_facts(trained):
    history = trained.history_table.read_text().splitlines()
    assert history[0] == "step,loss,supervised_1,supervised_2,distillation,learning_rate"
    assert len(history) == 1 + 10
    facts = json.loads(trained.facts.read_text())
    assert facts["steps"] == 10
    assert facts["device"] == "cpu"
    model, instructions = facts["processor"].rsplit(", ", 1)
    assert model
    assert instructions.split()[0] == torch.backends.cpu.get_cpu_capability()
    assert facts["attempts"][0]["processor"] == facts["processor"]
    assert facts["peak_memory_mb"] > 10
    assert len(facts["data_sha256"]) == 64
    weights = torch.load(trained.weights, weights_only=True)
    assert all(name.startswith("network.") for name in weights)


def test_the_learning_rate_follows_the_papers_clock(trained):
    # 10 steps stand for 6000 iterations: 2500 and 5000 are passed after the fifth and at the ninth.
    rates = [float(line.rsplit(",", 1)[1]) for line in trained.history_table.read_text().splitlines()[1:]]
    assert rates == pytest.approx([0.01] * 5 + [0.001] * 4 + [0.0001])


def test_a_finished_run_is_left_alone_and_says_how_it_is_trained_again(trained, tmp_path, capsys):
    before = {path: path.stat().st_ino for path in trained.path.rglob("*")}
    train(trained, tmp_path / "no.h5", "cpu")  # nor is anything read
    assert {path: path.stat().st_ino for path in trained.path.rglob("*")} == before
    assert f"is trained; `dmd retrain {trained.id}` has it trained again" in capsys.readouterr().err


@pytest.mark.parametrize("lost", ["weights.pt", "history.csv", "run.json"])
def test_what_a_finished_training_lost_is_made_again_with_what_it_says_of_itself(
    lost, trained, tiny_store, monkeypatch
):
    """Another commit and other voxels of the same identity: none of them made these bits."""
    before = {path.name: path.read_bytes() for path in (trained.weights, trained.history_table, trained.facts)}
    monkeypatch.setattr(provenance, "commit", lambda: "another")
    monkeypatch.setattr("dmd.training.loop.digest", lambda store: "another")
    (trained.path / lost).write_bytes(b"{}")
    train(trained, tiny_store[3], "cpu")
    assert {name: (trained.path / name).read_bytes() for name in before} == before


def test_weights_that_nothing_vouches_for_are_no_finished_training(trained, tiny_store):
    trained.state.unlink()
    trained.weights.write_bytes(b"of another run")
    with pytest.raises(InputError, match=r"expected the files that run\.json vouches for.*dmd retrain"):
        train(trained, tiny_store[3], "cpu")
    assert trained.weights.read_bytes() == b"of another run"


@pytest.mark.slow
@pytest.mark.parametrize(("after", "save_every"), [(1, 1), (4, 1), (5, 3), (8, 6)])
def test_a_run_killed_at_any_moment_ends_in_the_same_bits(after, save_every, trained, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), f"killed-{after}")
    process = start_and_signal(run, tiny_store[3], signal.SIGKILL, after, save_every)
    assert process.wait() == -signal.SIGKILL
    assert not run.weights.exists()
    (run.path / ".state.pt.elsewhere-1.part").write_bytes(b"half a state")
    subprocess.run(command(run, tiny_store[3]), check=True, capture_output=True)
    require_equal(run, trained)
    assert not list(run.path.glob(".*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["save_tensors", "write_table", "vouch"])
def test_a_run_killed_while_it_finishes_ends_in_the_same_bits(name, trained, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), f"finishing-{name}")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from dmd.training import ending, loop; from dmd.runs.folder import RunFolder\n"
        f"ending.{name} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "loop.train(RunFolder(Path(sys.argv[1])), Path(sys.argv[2]), 'cpu')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path), str(tiny_store[3])], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not run.facts.exists()
    train(run, tiny_store[3], "cpu")
    require_equal(run, trained)


@pytest.mark.slow
def test_sigterm_saves_and_leaves_and_the_next_start_goes_on(trained, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "terminated")
    process = start_and_signal(run, tiny_store[3], signal.SIGTERM, 3)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM, saved at step" in said
    again = subprocess.run(command(run, tiny_store[3]), check=True, capture_output=True, text=True)
    assert "going on from step" in again.stderr
    require_equal(run, trained)


@pytest.mark.slow
def test_time_that_a_training_was_stopped_is_wall_time_alone(tiny_store, tiny_run):
    run, seconds = tiny_run(tiny_training(3, "dmd", DMD), "suspended"), 3
    process = start_and_signal(run, tiny_store[3], signal.SIGSTOP, 3)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)
    process.communicate()
    facts = json.loads(run.facts.read_text())
    assert facts["wall_seconds"] - facts["processor_seconds"] > seconds - 1
    assert facts["processor_seconds"] > 0


@pytest.mark.slow
def test_a_training_that_goes_on_adds_its_processor_time_to_what_was_spent(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "added")
    start_and_signal(run, tiny_store[3], signal.SIGTERM, 3).communicate()
    state = load_state(run.state, run.id, torch.device("cpu"))
    state.processor_seconds = 500.0
    save_state(run.state, state)
    train(run, tiny_store[3], "cpu")
    assert 500 < json.loads(run.facts.read_text())["processor_seconds"] < 600


@pytest.mark.slow
def test_sigusr1_saves_and_goes_on(trained, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "asked")
    process = start_and_signal(run, tiny_store[3], signal.SIGUSR1, 2)
    process.communicate()
    assert process.returncode == 0
    require_equal(run, trained)


@pytest.mark.slow
def test_of_two_jobs_for_one_run_the_second_waits_and_finds_the_work_done(trained, tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "twice")
    processes = [
        subprocess.Popen(command(run, tiny_store[3]), stderr=subprocess.PIPE, text=True, env=os.environ | job)
        for job in ({"SLURM_JOB_ID": "1"}, {"SLURM_JOB_ID": "2"})
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("waiting for job" in text for text in said) == 1
    assert run.history.read_bytes().count(b"\n") == 10
    assert not run.owner.exists()
    require_equal(run, trained)


@pytest.mark.parametrize(
    ("place", "call", "saved"),
    [("load_state", 1, 0), ("save_state", 4, 4), ("History.commit", 4, 3), ("save_state", 10, 10)],
)
def test_a_training_that_was_replaced_while_it_slept_writes_nothing_more(
    tiny_store, tiny_run, monkeypatch, place, call, saved
):
    """It falls asleep after the ``call``-th call of a function, with ``saved`` steps saved."""
    from dmd.runs import ownership

    run = tiny_run(tiny_training(3, "dmd", DMD), "asleep")
    *holder, name = place.split(".")
    holder = getattr(attempt, holder[0]) if holder else attempt
    do, awake, calls = getattr(holder, name), time.monotonic(), []

    def do_and_sleep(*arguments):
        done = do(*arguments)
        calls.append(name)
        if len(calls) == call:
            card = json.loads(run.owner.read_text())
            run.owner.unlink()
            run.owner.write_text(json.dumps(card | {"host": "n7", "token": "another"}))
            with History(run.history) as history:
                history.append(1, {"loss": 7})
            monkeypatch.setattr(ownership.time, "monotonic", lambda: 2 * awake + 3600)
        return done

    monkeypatch.setattr(holder, name, do_and_sleep)
    with pytest.raises(InputError, match=r"on n7 .* has taken the run over"):
        train(run, tiny_store[3], "cpu", save_every=1)
    assert [line["values"] for line in read_steps(run.history)] == [{"loss": 7}]
    assert (torch.load(run.state, weights_only=True)["step"] if run.state.exists() else 0) == saved
    assert not run.weights.exists()
    assert run.owner.exists()


def test_a_truncated_state_starts_the_run_over_with_a_warning(trained, tiny_store, tiny_run, monkeypatch):
    run = tiny_run(tiny_training(3, "dmd", DMD), "truncated")
    stop_after(run, tiny_store[3], 4, monkeypatch)
    os.truncate(run.state, run.state.stat().st_size // 2)
    with pytest.warns(UserWarning, match="is damaged .* starts over from its first step"):
        train(run, tiny_store[3], "cpu")
    require_equal(run, trained)


def test_a_state_with_a_flipped_bit_is_not_mixed_in(trained, tiny_store, tiny_run, monkeypatch):
    run = tiny_run(tiny_training(3, "dmd", DMD), "flipped")
    stop_after(run, tiny_store[3], 4, monkeypatch)
    content = bytearray(run.state.read_bytes())
    content[len(content) // 2] ^= 1
    run.state.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        train(run, tiny_store[3], "cpu")
    require_equal(run, trained)


@pytest.mark.parametrize("damaged", [lambda text: None, bytes, lambda text: b"\0" * len(text), lambda text: text[:-1]])
def test_no_step_is_lost_whatever_becomes_of_the_history(damaged, trained, tiny_store, tiny_run, monkeypatch, capsys):
    """It is away, emptied, as many NULs (a file server that lost power), or one byte short."""
    run = tiny_run(tiny_training(3, "dmd", DMD), "damaged")
    stop_after(run, tiny_store[3], 4, monkeypatch)
    whole = run.history.read_bytes()
    content = damaged(whole)
    run.history.unlink() if content is None else run.history.write_bytes(content and bytes(content))
    train(run, tiny_store[3], "cpu")
    assert "going on from step 4" in capsys.readouterr().err
    assert run.history.read_bytes().startswith(whole)
    require_equal(run, trained)


def test_the_state_of_another_run_is_refused(trained, tiny_store, tiny_run):
    other = tiny_run(tiny_training(3, "dmd", DMD) | {"seed": 8})
    other.state.write_bytes(trained.state.read_bytes())
    with pytest.raises(InputError, match=f"expected the state of run '{other.id}', found that of '{trained.id}'"):
        train(other, tiny_store[3], "cpu")


def test_a_store_of_another_revision_is_refused(tiny_store, tiny_run):
    spec = tiny_training(3, "dmd", DMD)
    run = tiny_run(spec | {"dataset": spec["dataset"] | {"revision": 2}})
    with pytest.raises(InputError, match="revision: expected 2, found 1"):
        train(run, tiny_store[3], "cpu")


def exploding(factor: float) -> dict:
    """A training with huge gradients and a tiny learning rate, which grows by a factor after its fifth step of ten."""
    return tiny_training(3, "dmd", DMD | {"weight": 1e30}) | {
        "optimiser": {"lr": 1e-32, "momentum": 0, "weight_decay": 0},
        "schedule": {"kind": "step", "every": 2500, "factor": factor},
    }


def test_a_loss_that_is_not_finite_stops_with_step_and_term(tiny_store, tiny_run):
    run = tiny_run(exploding(1e68))
    with pytest.raises(DivergedError, match=r"at step 7 the loss terms .*'supervised_1': nan"):
        train(run, tiny_store[3], "cpu")
    assert not run.state.exists()
    assert not run.weights.exists()


def test_weights_that_are_not_finite_are_not_saved_over_the_last_good_state(tiny_store, tiny_run):
    run = tiny_run(exploding(1e68))
    with pytest.raises(DivergedError, match=r"after step 6 \d+ of \d+ tensors are not finite, 'first\."):
        train(run, tiny_store[3], "cpu", save_every=1)
    state = torch.load(run.state, weights_only=True)
    assert state["step"] == 5
    assert all(tensor.isfinite().all() for tensor in state["training"]["modules"].values())


def test_a_last_step_that_diverges_leaves_no_weights(tiny_store, tiny_run):
    spec = exploding(1.0) | {"iterations": 1, "optimiser": {"lr": 1e36, "momentum": 0, "weight_decay": 0}}
    run = tiny_run(spec)
    with pytest.raises(DivergedError, match="after step 1 "):
        train(run, tiny_store[3], "cpu")
    assert not run.weights.exists()
    assert not list(run.path.glob("snapshots/*"))


def test_the_first_line_of_a_training_names_its_device(tiny_store, tiny_run, capsys):
    run = tiny_run(tiny_training(3, "dmd", DMD) | {"iterations": 1})
    train(run, tiny_store[3], "cpu")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{run.id}: trains on cpu ({describe_processor()})"


@pytest.mark.slow
def test_a_diverged_training_ends_the_command_with_status_3(tiny_store, tiny_run):
    done = subprocess.run(command(tiny_run(exploding(1e68)), tiny_store[3]), capture_output=True, text=True)
    assert done.returncode == 3
    assert "are not finite" in done.stderr


def test_a_full_disk_while_saving_keeps_the_previous_state(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD), "full")
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from dmd.training import attempt, loop; from dmd.runs.folder import RunFolder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); save = attempt.save_state\n"
        "def save_until_full(path, state):\n"
        "    if state.step == 3: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "    save(path, state)\n"
        "attempt.save_state = save_until_full\n"
        "loop.train(RunFolder(Path(sys.argv[1])), Path(sys.argv[2]), 'cpu', save_every=1)"
    )
    arguments = [sys.executable, "-c", code, str(run.path), str(tiny_store[3])]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode != 0
    assert torch.load(run.state, weights_only=True)["step"] == 2
    assert not [path for path in run.path.iterdir() if path.name.endswith(".part")]


def test_the_noise_of_a_step_is_a_function_of_seed_and_step():
    seeds = {noise_seed(seed, step) for seed in range(10) for step in range(100)}
    assert len(seeds) == 1000
    assert noise_seed(1, 2) == noise_seed(1, 2)


def test_an_unknown_device_is_refused(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        train(run, tiny_store[3], "gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none_is_refused(tiny_store, tiny_run):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    with pytest.raises(InputError, match="sees no CUDA device; use --device cpu"):
        train(run, tiny_store[3], "cuda")
