"""Sixteen runs at once: every point arrives once, counted in the store."""

import getpass
import importlib.util
import json
import multiprocessing
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from dmd.journal import write_table
from dmd.rundir import RunDir
from dmd.tracking.follow import Follower
from dmd.tracking.mirror import track_run
from tracking.mirrored import (
    SCORES,
    STEPS,
    TERMS,
    Server,
    curve,
    evaluate,
    evaluated,
    free_port,
    mirrors,
    planned,
    steps,
)

PROCESSES = multiprocessing.get_context("forkserver")  # mlflow is imported once, not sixteen times
PROCESSES.set_forkserver_preload(["dmd.tracking.follow"])


@pytest.fixture
def postgres() -> Iterator[str | None]:
    """Address of a PostgreSQL of our own; ``None`` where Debian's package or its Python driver is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or importlib.util.find_spec("psycopg2") is None:
        yield None
        return
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()  # it refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="dmd-postgres-", dir="/tmp"))
    port = free_port()
    shutil.chown(home, user)
    initialise = [programs[-1] / "initdb", "--pgdata", home / "data", "--username", "dmd", "--auth", "trust"]
    subprocess.run(initialise, user=pwd.getpwnam(user).pw_uid, check=True, stdout=subprocess.DEVNULL, cwd=home)
    serve = [programs[-1] / "postgres", "-D", home / "data", "-F", "-h", "127.0.0.1", "-p", str(port), "-k", home]
    server = subprocess.Popen(serve, user=pwd.getpwnam(user).pw_uid, stderr=subprocess.DEVNULL, cwd=home)
    while subprocess.run([programs[-1] / "pg_isready", "-h", home, "-p", str(port)], capture_output=True).returncode:
        time.sleep(0.1)
    yield f"postgresql://dmd@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait()
    shutil.rmtree(home)


def train_followed(run: RunDir, uri: str, start) -> None:
    """Send a history in five parts and then the rest, as a training and the evaluation after it do."""

    def training() -> Iterator[tuple[int, bool]]:
        for done in range(0, STEPS, 6):
            yield steps(run, done, done + 6), done + 6 == STEPS

    start.wait()
    Follower(run, uri, ["half/table3"], []).follow(training())
    write_table(run.journal, run.history)
    evaluate(run)
    track_run(run, uri, ["half/table3"])


def at_once(target, arguments: list[tuple]) -> None:
    start = PROCESSES.Event()
    jobs = [PROCESSES.Process(target=target, args=(*given, start)) for given in arguments]
    for job in jobs:
        job.start()
    time.sleep(1)
    start.set()
    for job in jobs:
        job.join(timeout=240)
    assert [job.exitcode for job in jobs] == [0] * len(jobs)


def require_every_point(uri: str, runs: list[RunDir]) -> None:
    client = MlflowClient(uri)
    for run in runs:
        assert json.loads(run.tracked.read_text())["status"] == "complete"
        [mirror] = mirrors(uri, run)
        for term in TERMS:
            assert curve(uri, mirror.info.run_id, term) == list(range(1, STEPS + 1))
        for score, value in SCORES.items():
            assert [point.value for point in client.get_metric_history(mirror.info.run_id, score)] == [value]


@pytest.mark.slow
def test_sixteen_runs_at_once_on_sqlite(store, tmp_path, root):
    runs = [planned(tmp_path, root, seed, "half") for seed in range(16)]
    at_once(train_followed, [(run, store) for run in runs])
    require_every_point(store, runs)


@pytest.mark.slow
def test_sixteen_runs_at_once_on_a_server(postgres, tmp_path, root):
    """PostgreSQL behind it, or SQLite where there is none."""
    runs = [planned(tmp_path, root, seed, "half") for seed in range(16)]
    server = Server(postgres or f"sqlite:///{tmp_path}/server.db", tmp_path)
    try:
        server.start()
        at_once(train_followed, [(run, server.uri) for run in runs])
        require_every_point(server.uri, runs)
    finally:
        server.kill()


def track(run: RunDir, uri: str, start) -> None:
    start.wait()
    track_run(run, uri, ["half/table3"])


def follow(run: RunDir, uri: str, start) -> None:
    start.wait()
    Follower(run, uri, ["half/table3"], []).follow(iter([(run.journal.stat().st_size, True)]))


@pytest.mark.slow
def test_processes_that_meet_at_one_run_make_one_mirror(store, tmp_path, root):
    run = evaluated(tmp_path, root, seed=99, scale="half")
    at_once(either, [(job, run, store) for job in (track, follow, track, follow)])
    require_every_point(store, [run])


def either(job, run: RunDir, uri: str, start) -> None:
    job(run, uri, start)
