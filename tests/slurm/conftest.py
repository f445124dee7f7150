"""A private SLURM and what is made without it, once for the tests of each file."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from workflow.project import clone

from slurm.cluster import BIN, PATIENCE, Cluster
from slurm.project import THIN, prepared

MISSING = [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name, path="/usr/sbin:/usr/bin")]


@pytest.fixture(scope="module")
def cluster():
    if MISSING:
        pytest.skip(f"no {', '.join(MISSING)}: install Debian's slurm-wlm and munge")
    with tempfile.TemporaryDirectory() as folder:  # munged wants a path that everybody can enter; pytest's is private
        made = Cluster(Path(folder))
        made.call(made.script, "up", folder)
        yield made
        made.call(made.script, "down", folder)


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    """The table made on this machine, without SLURM."""
    project = clone(tmp_path_factory.mktemp("local"))
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["snakemake", "--cores", "2", *THIN],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return project


@pytest.fixture
def project(tmp_path, local) -> Path:
    return prepared(tmp_path, local)
