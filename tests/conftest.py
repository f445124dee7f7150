"""Fixtures that several folders share."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from slurm_said import ACCOUNTS, QUALITIES, SINFO

from dmd.data.store import write_store
from dmd.methods.base import Method
from dmd.methods.contract import CLASSES, PATIENTS, tiny_cases, tiny_training
from dmd.planning import reading
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder

ROOT = Path(__file__).parents[1]

# The same examples on every machine, and no verdict on how busy it is.
settings.register_profile(
    "dmd", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("dmd")


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def content() -> dict:
    """The project's own configuration, merged and unchecked, to be edited by a test."""
    return reading.read(ROOT / "config")


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("DMD_DATA")
    if not folder:
        pytest.skip("DMD_DATA does not name a folder with the real la/ and acdc/")
    return Path(folder)


def tiny_testing(dimensions: int) -> dict:
    """Return the testing settings beside `tiny_training`."""
    return {"stride": [8] * dimensions} if dimensions == 3 else {}


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory):
    """Return the path of a tiny store by its number of dimensions."""
    folder = tmp_path_factory.mktemp("stores")
    paths = {}
    for dimensions in (2, 3):
        identity = tiny_training(dimensions, "dmd", {})["dataset"]
        paths[dimensions] = folder / f"tiny{dimensions}d.h5"
        write_store(paths[dimensions], identity, CLASSES[dimensions], PATIENTS, tiny_cases(dimensions))
    return paths


@pytest.fixture
def tiny_run(tmp_path):
    """Return a function that makes the folder of a run from its settings."""

    def make(training: dict, name: str = "runs", testing: dict | None = None) -> RunFolder:
        spec = Spec(training, tiny_testing(training["dimensions"]) if testing is None else testing)
        run = RunFolder(tmp_path / name / spec.id)
        run.write_spec(spec)
        return run

    return make


def derived(method: Method, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return what a batch with these labels carries of what is made from them."""
    extras = method.extras(tiny_cases(labels.ndim - 1)[:2])
    return {name: derive(labels) for name, derive in extras.items() if callable(derive)}


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A path with no command on it but those that a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return put


@pytest.fixture
def slurm(commands):
    """A cluster with accounting."""
    commands("sbatch", "")
    commands("sinfo", f"echo '{SINFO}'")
    commands("sacctmgr", f"case $* in *associations*) echo '{ACCOUNTS}';; *qos*) echo '{QUALITIES}';; esac")
    return commands
