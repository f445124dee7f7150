"""A private SLURM and what is made without it, once for the tests of each file."""

import shutil
import tempfile
from pathlib import Path

import pytest
from workflow.project import clone, snakemake

from slurm.cluster import Cluster
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
    done = snakemake(project, *THIN, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr[-5000:]
    return project


@pytest.fixture
def project(tmp_path, local) -> Path:
    return prepared(tmp_path, local)
