import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from conftest import tiny_training
from mlflow import MlflowClient
from trainings import command

from dmd.data.store import digest
from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, write_table
from dmd.testing.evaluation import evaluate_run
from dmd.testing.prediction import predict
from dmd.tracking import follow as following
from dmd.tracking.follow import Follower, saves
from dmd.tracking.launch import followed
from dmd.tracking.mirror import track_run
from dmd.training.checkout import commit
from dmd.training.loop import train
from tracking.mirrored import SCORES, STEPS, TERMS, curve, evaluate, mirrors, steps, stored_points

ARTEFACTS = ["smoke/table3"]
FACTS = {"device": "NVIDIA H100", "commit": "0123abcd", "data_sha256": "5eed" * 16}


def follow(run: RunFolder, uri: str, saved: Iterator[tuple[int, bool]]) -> None:
    Follower(run, uri, ARTEFACTS, ["dml"], FACTS).follow(saved)


def wait(done: Callable[[], bool], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_curves_grow_while_a_run_trains(store, fresh):
    def training() -> Iterator[tuple[int, bool]]:
        yield 0, False
        [mirror] = mirrors(store, fresh)
        assert (mirror.info.status, mirror.data.metrics) == ("RUNNING", {})
        assert mirror.data.params["temperature"] == "2"
        tags = {"method": "dml", "artefact.smoke/table3": "yes", "labelled": "8", "device": "NVIDIA H100"}
        assert (tags | {"commit": "0123abcd"}).items() <= mirror.data.tags.items()
        assert mirror.inputs.dataset_inputs[0].dataset.digest == "5eed5eed5eed"
        for done in (0, 10, 20):
            yield steps(fresh, done, done + 10), False
            assert curve(store, mirror.info.run_id) == list(range(1, done + 11))
        fresh.weights.touch()
        write_table(fresh.history, fresh.history_table)
        yield fresh.history.stat().st_size, True

    follow(fresh, store, training())
    [mirror] = mirrors(store, fresh)
    assert mirror.info.status == "RUNNING"  # the test is still to come
    evaluate(fresh)
    track_run(fresh, store, ARTEFACTS)
    [complete] = mirrors(store, fresh)
    assert (complete.info.run_id, complete.info.status) == (mirror.info.run_id, "FINISHED")
    assert SCORES.items() <= complete.data.metrics.items()
    assert stored_points(store, mirror.info.run_id) == STEPS * len(TERMS) + len(SCORES)


def test_what_is_not_saved_is_not_sent_and_a_killed_run_goes_on_in_its_mirror(store, fresh):
    saved = steps(fresh, 0, 10)
    steps(fresh, 10, 17)
    follow(fresh, store, iter([(saved, True)]))
    [killed] = mirrors(store, fresh)
    assert (killed.info.status, curve(store, killed.info.run_id)) == ("KILLED", list(range(1, 11)))
    with History(fresh.history, saved):
        pass  # as the next attempt does: a new file of the old name
    follow(fresh, store, iter([(saved, False), (steps(fresh, 10, 20), False)]))
    [again] = mirrors(store, fresh)
    assert (again.info.run_id, again.info.status) == (killed.info.run_id, "RUNNING")
    assert curve(store, again.info.run_id) == list(range(1, 21))


def test_a_mirror_deleted_while_the_run_trains_is_made_again(store, fresh, capsys):
    def training() -> Iterator[tuple[int, bool]]:
        yield steps(fresh, 0, 5), False
        MlflowClient(store).delete_run(mirrors(store, fresh)[0].info.run_id)
        yield steps(fresh, 5, 10), False
        yield steps(fresh, 10, 15), False

    follow(fresh, store, training())
    [mirror] = mirrors(store, fresh)
    assert curve(store, mirror.info.run_id) == list(range(1, 16))
    said = capsys.readouterr().err
    assert "was deleted; made again" in said
    assert "MLflow follows again" in said


def test_a_training_that_starts_over_is_shown_from_its_start(store, fresh, capsys):
    follow(fresh, store, iter([(steps(fresh, 0, 10), True)]))
    [old] = mirrors(store, fresh)
    fresh.history.unlink()
    follow(fresh, store, iter([(0, False), (steps(fresh, 0, 4, factor=2.0), False)]))
    [new] = mirrors(store, fresh)
    assert (new.info.run_id != old.info.run_id, curve(store, new.info.run_id)) == (True, [1, 2, 3, 4])
    assert "shows another training" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_said_once_and_raises_nothing(tmp_path, fresh, capsys):
    follow(fresh, f"sqlite:///{tmp_path}/none.db", iter([(steps(fresh, n, n + 1), False) for n in range(5)]))
    assert capsys.readouterr().err.count("The training does not wait for it") == 1


def test_a_last_pass_that_comes_after_the_evaluation_leaves_the_run_finished(store, run):
    track_run(run, store, ARTEFACTS)
    run.weights.touch()
    follow(run, store, iter([(run.history.stat().st_size, True)]))
    assert [mirror.info.status for mirror in mirrors(store, run)] == ["FINISHED"]


def test_of_two_mirrors_one_stays(store, run, capsys):
    track_run(run, store, ARTEFACTS)
    [first] = mirrors(store, run)
    client = MlflowClient(store)
    client.create_run(first.info.experiment_id, first.info.start_time + 1, {"dmd.run": run.id})
    track_run(run, store, ARTEFACTS)
    assert [mirror.info.run_id for mirror in mirrors(store, run)] == [first.info.run_id]
    assert "a second time; deleted" in capsys.readouterr().err


def test_the_use_of_the_machine_is_noted_and_sent(store, fresh):
    Follower(fresh, store, ARTEFACTS, [], FACTS, os.getpid()).follow(iter([(0, False), (0, False), (0, True)]))
    looks = [json.loads(line) for line in fresh.usage.read_text().splitlines()]
    assert [look["step"] for look in looks] == [1, 2]
    assert looks[0]["values"]["memory_mb"] > 10
    [mirror] = mirrors(store, fresh)
    assert mirror.data.metrics["system/memory_mb"] == looks[1]["values"]["memory_mb"]
    Follower(fresh, store, ARTEFACTS, [], FACTS, os.getpid()).follow(iter([(0, False)]))
    assert len(fresh.usage.read_text().splitlines()) == 3


def test_a_training_that_died_is_not_taken_for_its_heir(store, fresh, monkeypatch):
    """An orphan's parent is another process; what that one uses is nobody's business."""
    dead = subprocess.Popen(["true"])  # a zombie, as nobody waits for it yet
    time.sleep(0.2)
    Follower(fresh, store, ARTEFACTS, [], FACTS, dead.pid).follow(iter([(0, False)]))
    dead.wait()
    reading, writing = os.pipe()
    os.write(writing, b"0\n")
    os.close(writing)
    monkeypatch.setattr(following, "saves", lambda descriptor, every: saves(reading, every))
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    following.follow(fresh, store, ARTEFACTS, [], FACTS | {"process": dead.pid}, 30)
    os.close(reading)
    assert not fresh.usage.exists() or fresh.usage.read_bytes() == b""


def test_a_training_that_was_followed_late_started_when_it_did(store, fresh, monkeypatch):
    monkeypatch.setattr(following, "saves", lambda descriptor, every: iter([(0, False)]))
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    following.follow(fresh, store, ARTEFACTS, [], FACTS | {"process": os.getppid()}, 30)
    [mirror] = mirrors(store, fresh)
    assert mirror.info.start_time == round(psutil.Process(os.getppid()).create_time() * 1000)


def test_the_jobs_of_a_cluster_do_not_write_to_one_database(store, fresh, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    saved = steps(fresh, 0, STEPS)
    Follower(fresh, store, ARTEFACTS, [], FACTS, os.getpid()).follow(iter([(0, False), (saved, False), (saved, True)]))
    assert mirrors(store, fresh) == []
    assert capsys.readouterr().err.count("MLflow shows this run when the `snakemake` that submitted it ends, not") == 1
    monkeypatch.delenv("SLURM_JOB_ID")  # the machine that submits
    write_table(fresh.history, fresh.history_table)
    evaluate(fresh)
    track_run(fresh, store, ARTEFACTS)
    [mirror] = mirrors(store, fresh)
    assert curve(store, mirror.info.run_id) == list(range(1, STEPS + 1))
    assert "system/memory_mb" in mirror.data.metrics


def test_the_pipe_yields_the_latest_number_and_its_end():
    reading, writing = os.pipe()
    found = saves(reading, every=0.2)
    os.write(writing, b"10\n2")
    assert next(found) == (10, False)
    os.write(writing, b"0\n30\n")
    assert next(found) == (30, False)
    assert next(found) == (30, False)
    os.close(writing)
    assert list(found) == [(30, True)]
    os.close(reading)


def test_a_training_that_never_started_is_not_shown():
    reading, writing = os.pipe()
    os.close(writing)
    assert list(saves(reading, every=0.2)) == []
    os.close(reading)


def test_another_kind_of_store_is_refused_before_training(fresh):
    with pytest.raises(InputError, match="in maintenance mode"), followed(fresh.path, "mlruns"):
        pass


def test_a_follower_that_cannot_start_or_is_gone_stops_nothing(fresh, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with followed(fresh.path, "sqlite:///none.db") as saved:
        saved(10)
    assert "not followed in MLflow" in capsys.readouterr().err
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with followed(fresh.path, "sqlite:///none.db") as saved:
        time.sleep(0.3)
        saved(10)


def test_a_late_follower_leaves_a_finished_view_as_it_is(store, run, capsys):
    """It may be slower than the test that follows the training."""
    track_run(run, store, ["smoke/table3"])
    [before] = mirrors(store, run)
    follow(run, store, iter([(run.history.stat().st_size, False), (run.history.stat().st_size, True)]))
    [after] = mirrors(store, run)
    assert after.info.run_id == before.info.run_id
    assert after.info.status == "FINISHED"
    assert after.data.metrics == before.data.metrics
    assert "deleted" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_training_is_followed_until_it_is_killed_and_again_until_it_ends(store, tiny_store, tiny_run):
    run = tiny_run(tiny_training(2, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}) | {"iterations": 40})
    started = command(run, tiny_store[2], "--track", f"--config=tracking={{uri: '{store}'}}")
    training = subprocess.Popen(started)
    # By its second step the training has told of its first; a saved state alone may not have been told of yet.
    wait(lambda: run.history.exists() and run.history.read_bytes().count(b"\n") >= 2)
    training.send_signal(signal.SIGSTOP)  # all steps take as long as the other process to start
    [follower] = psutil.Process(training.pid).children()
    wait(lambda: len(mirrors(store, run)) == 1)
    assert follower.nice() == 10
    training.kill()
    training.wait()
    for number in (signal.SIGUSR1, signal.SIGTERM):  # as SLURM does; the last pass is made all the same
        follower.send_signal(number)
    wait(lambda: mirrors(store, run)[0].info.status == "KILLED")
    wait(lambda: not follower.is_running() or follower.status() == psutil.STATUS_ZOMBIE)
    [killed] = mirrors(store, run)
    assert killed.data.tags["device"] == "cpu"
    assert killed.data.tags["commit"] == str(commit())
    assert digest(tiny_store[2]).startswith(killed.inputs.dataset_inputs[0].dataset.digest)
    seen = curve(store, killed.info.run_id)
    assert seen == list(range(1, len(seen) + 1))
    assert 1 <= len(seen) < 40
    subprocess.run(started, check=True)
    wait(lambda: curve(store, killed.info.run_id) == list(range(1, 41)))
    assert len(mirrors(store, run)) == 1


@pytest.mark.slow
def test_a_server_that_comes_late_and_is_away_in_between_costs_no_point_and_no_time(
    server, tiny_store, tiny_run, monkeypatch, capfd
):
    """A training with the process beside it: no server in the first third, one in the second, none in the last."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")  # a server is for the jobs of a cluster too
    spec = tiny_training(2, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}) | {"iterations": 30}
    alone, run = tiny_run(spec, "alone"), tiny_run(spec)
    train(alone, tiny_store[2], "cpu", save_every=1)
    mirrored, told = [], []

    def sent(steps: int) -> bool:
        mirrored[:] = mirrors(server.uri, run)
        return bool(mirrored) and curve(server.uri, mirrored[0].info.run_id) == list(range(1, steps + 1))

    def missed() -> bool:
        return "The training does not wait for it" in capfd.readouterr().err

    with followed(run.path, server.uri, "--artefacts", "smoke/table3", "--every", "0.5") as tell:

        def saved(size: int) -> None:
            started = time.monotonic()
            tell(size)
            told.append(time.monotonic() - started)
            step = len(told) - 1
            if step == 10:
                wait(missed)
                server.start()
                wait(lambda: sent(10))
            if step == 20:
                wait(lambda: sent(20))
                missed()
                server.kill()
            if step == 25:
                wait(missed)

        train(run, tiny_store[2], "cpu", save_every=1, saved=saved)
        assert sum(told) < 1  # on a busy machine too; a request to a dead server takes longer
        server.start()
    assert run.history_table.read_bytes() == alone.history_table.read_bytes()
    predict(run, tiny_store[2], "cpu")
    evaluate_run(run, tiny_store[2])
    for _ in range(2):
        track_run(run, server.uri, ARTEFACTS)
        assert json.loads(run.tracked.read_text())["status"] == "complete"
        assert sent(30)
        [mirror] = mirrored
        assert mirror.info.status == "FINISHED"
        terms = [name for name in mirror.data.metrics if name.startswith("train/")]
        assert len(terms) == 5
        for term in terms:
            assert curve(server.uri, mirror.info.run_id, term.removeprefix("train/")) == list(range(1, 31))
        files = {file.path for file in MlflowClient(server.uri).list_artifacts(mirror.info.run_id)}
        assert files == {"spec.json", "run.json", "history.csv", "cases.csv", "curves.png"}
    server.kill()
    track_run(run, server.uri, ARTEFACTS)
    tracked = json.loads(run.tracked.read_text())
    assert tracked["status"] == "pending"
