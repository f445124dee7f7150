"""Fixtures that several folders share."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from dmd.data.store import Case, write_store
from dmd.methods.base import Method
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


PATIENTS = {"train": [f"p{index}" for index in range(6)], "validation": ["v0", "v1"], "test": ["t0", "t1"]}


def tiny_cases(dimensions: int) -> list[Case]:
    """Blobs in noise, a little larger than the patch; volumes, or stacks of three slices with three classes."""
    random = np.random.default_rng(0)
    cases = []
    for patient in PATIENTS["train"] + PATIENTS["test"] + PATIENTS["validation"]:
        shape = (22, 20, 18) if dimensions == 3 else (3, 22, 20)
        label = np.zeros(shape, np.uint8)
        if dimensions == 3:
            label[4:14, 5:15, 4:13] = 1
        else:
            label[:, 4:16, 4:16], label[:, 7:12, 7:12] = 1, 2
        image = (label + random.normal(0, 0.5, shape)).astype(np.float32)
        cases.append(Case(patient, patient, image, label, (1.0, 1.0, 2.0) if dimensions == 3 else None))
    return cases


def tiny_training(dimensions: int, implementation: str, params: dict) -> dict:
    """Training settings of a run that takes a tenth of a second per step."""
    return {
        "dataset": {"name": f"tiny{dimensions}d", "revision": 1, "downsample": [1, 1, 1], "split": "0"},
        "dimensions": dimensions,
        "classes": 2 if dimensions == 3 else 3,
        "labelled": 2,
        "method": {"implementation": implementation, "revision": 1, "params": copy.deepcopy(params)},
        "network": {"kind": "vnet" if dimensions == 3 else "unet", "width": 4},
        "patch": [16] * dimensions,
        "batch": {"size": 4, "labelled": 2},
        "iterations": 10,
        "reference_iterations": 6000,
        "optimiser": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001},
        "schedule": {"kind": "step", "every": 2500, "factor": 0.1},
        "precision": "fp32",
        "selection": "last",
        "seed": 7,
        "code": 1,
    }


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
        classes = ["background", "ring", "core"][: 4 - dimensions + 1]
        paths[dimensions] = folder / f"tiny{dimensions}d.h5"
        write_store(paths[dimensions], identity, classes, PATIENTS, tiny_cases(dimensions))
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
