"""A store, a run and a server."""

import os
import zlib
from collections.abc import Iterator

import pytest

os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"  # sixteen clients on two cores; set before mlflow is imported
os.environ.pop("SLURM_JOB_ID", None)  # of whoever tests inside of a job

from dmd.runs.folder import RunFolder
from dmd.tracking.server import make_server
from tracking.mirrored import Server, evaluated, planned


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> str:
    uri = f"sqlite:///{tmp_path_factory.mktemp('results')}/mlflow.db"
    make_server(uri)
    return uri


@pytest.fixture
def run(tmp_path, root, request) -> RunFolder:
    """An evaluated run; every test has a seed of its own and therefore another run."""
    return evaluated(tmp_path, root, seed=zlib.crc32(request.node.name.encode()))


@pytest.fixture
def fresh(tmp_path, root, request) -> RunFolder:
    """A run that has its settings and nothing else."""
    return planned(tmp_path, root, seed=zlib.crc32(request.node.name.encode()))


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    """A server that is not running yet."""
    database = f"sqlite:///{tmp_path}/server.db"
    make_server(database)
    server = Server(database, tmp_path)
    yield server
    server.kill()
