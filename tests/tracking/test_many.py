"""Sixteen runs at once: every point arrives once, counted in the store."""

import contextlib
import getpass
import importlib.util
import json
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from dmd.runs.folder import RunFolder
from dmd.runs.history import write_table
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

LONG = 2000  # steps, of which five passes are made: 1200 points each, and MLflow takes 1000 in a call
PROCESSES = multiprocessing.get_context("forkserver")  # mlflow is imported once, not sixteen times
PROCESSES.set_forkserver_preload(["dmd.tracking.follow"])
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
IS_THERE = bool(PROGRAMS and importlib.util.find_spec("psycopg2"))
REASON = "no PostgreSQL (Debian: apt-get install postgresql) or no psycopg2 (pip install psycopg2-binary)"
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.skipif(not IS_THERE, reason=REASON))


@pytest.fixture(params=["sqlite", POSTGRESQL])
def backend(request, tmp_path) -> Iterator[str]:
    """Address of the database behind a server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/server.db"
        return
    with postgres() as uri:
        yield uri


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL of our own and yield its address."""
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()  # it refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="dmd-postgres-", dir="/tmp"))
    port = free_port()
    shutil.chown(home, user)
    as_user = {"user": pwd.getpwnam(user).pw_uid, "cwd": home}
    initialise = [PROGRAMS[-1] / "initdb", "--pgdata", home / "data", "--username", "dmd", "--auth", "trust"]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, timeout=120, **as_user)
    serve = [PROGRAMS[-1] / "postgres", "-D", home / "data", "-F", "-h", "127.0.0.1", "-p", str(port), "-k", home]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(serve, stderr=log, **as_user)
    try:
        asked = [PROGRAMS[-1] / "pg_isready", "--quiet", "-h", home, "-p", str(port)]
        end = time.monotonic() + 60
        while subprocess.run(asked).returncode:
            assert time.monotonic() < end, (home / "log").read_text()
            time.sleep(0.1)
        yield f"postgresql://dmd@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # ends connections; SIGTERM would wait for them
        server.wait(timeout=60)
        shutil.rmtree(home)


def train_followed(run: RunFolder, uri: str, length: int, start) -> None:
    """Send a history in five parts and then the rest, as a training and the evaluation after it do."""
    part = length // 5

    def training() -> Iterator[tuple[int, bool]]:
        for done in range(0, length, part):
            yield steps(run, done, done + part), done + part == length

    start.wait()
    Follower(run, uri, ["half/table3"], [], {}).follow(training())
    write_table(run.history, run.history_table)
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


def require_every_point(uri: str, runs: dict[RunFolder, int]) -> None:
    client = MlflowClient(uri)
    for run, length in runs.items():
        assert json.loads(run.tracked.read_text())["status"] == "complete"
        [mirror] = mirrors(uri, run)
        for term in TERMS:
            assert curve(uri, mirror.info.run_id, term) == list(range(1, length + 1))
        for score, value in SCORES.items():
            assert [point.value for point in client.get_metric_history(mirror.info.run_id, score)] == [value]


@pytest.fixture
def runs(tmp_path, root) -> dict[RunFolder, int]:
    """Sixteen runs and their steps; in the first each pass takes several calls."""
    return {planned(tmp_path, root, seed, "half"): STEPS if seed else LONG for seed in range(16)}


@pytest.mark.slow
def test_sixteen_runs_at_once_on_sqlite(store, runs):
    at_once(train_followed, [(run, store, length) for run, length in runs.items()])
    require_every_point(store, runs)


@pytest.mark.slow
def test_sixteen_runs_at_once_on_a_server(backend, runs, tmp_path):
    server = Server(backend, tmp_path)
    try:
        server.start()
        at_once(train_followed, [(run, server.uri, length) for run, length in runs.items()])
        require_every_point(server.uri, runs)
    finally:
        server.kill()


def track(run: RunFolder, uri: str, start) -> None:
    start.wait()
    track_run(run, uri, ["half/table3"])


def follow(run: RunFolder, uri: str, start) -> None:
    start.wait()
    Follower(run, uri, ["half/table3"], [], {}).follow(iter([(run.history.stat().st_size, True)]))


@pytest.mark.slow
def test_processes_that_meet_at_one_run_make_one_mirror(store, tmp_path, root):
    run = evaluated(tmp_path, root, seed=99, scale="half")
    at_once(either, [(job, run, store) for job in (track, follow, track, follow)])
    require_every_point(store, {run: STEPS})


def either(job, run: RunFolder, uri: str, start) -> None:
    job(run, uri, start)
