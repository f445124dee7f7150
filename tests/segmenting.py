"""A run that segments made-up scans without having been trained, and the scans."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
import torch
from conftest import tiny_testing
from records import vouch_for

from dmd.methods.base import make
from dmd.methods.contract import tiny_cases, tiny_training
from dmd.networks.build import Build
from dmd.planning.config import Dataset
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import save_tensors

CONVOLUTIONS = (torch.nn.Conv2d, torch.nn.Conv3d)

FACTS = {"revision": 1, "split": "-"}
DATASETS = {
    "tiny3d": Dataset(
        **FACTS, reader="synthetic3d", dimensions=3, classes=["background", "ring"], spacing_mm=[1.0, 1.0, 2.0]
    ),
    "tiny2d": Dataset(
        **FACTS, reader="synthetic2d", dimensions=2, classes=["background", "ring", "core"], spacing_mm=None
    ),
}


def make_run(folder: Path, dimensions: int, dataset: str | None = None, seed: int = 0) -> RunFolder:
    """Return a run whose network says each class somewhere, as one of a few steps need not."""
    training = tiny_training(dimensions, "supervised", {"cross_entropy": 0.5, "dice": 0.5})
    training["dataset"]["name"] = dataset or training["dataset"]["name"]
    spec = Spec(training, tiny_testing(dimensions))
    run = RunFolder(folder / spec.id)
    run.write_spec(spec)
    write_weights(run, seed)
    return run


def write_weights(run: RunFolder, seed: int) -> None:
    """Write weights of their own for each seed."""
    training = run.read_spec().training
    torch.manual_seed(seed)
    network = make(training["method"], Build.from_settings(training)).network.train()
    head = [module for module in network.modules() if isinstance(module, CONVOLUTIONS)][-1]
    with torch.no_grad():
        for _ in range(50):
            logits = network(torch.randn(4, 1, *training["patch"]))
        head.bias -= logits.transpose(0, 1).flatten(1).median(dim=1).values
    save_tensors(run.weights, {f"network.{name}": tensor for name, tensor in network.state_dict().items()})
    vouch_for(run)


def case_t0(run: RunFolder) -> np.ndarray:
    """Return the array of a test case."""
    return next(case.image for case in tiny_cases(run.read_spec().training["dimensions"]) if case.name == "t0")


def as_image(run: RunFolder, array: np.ndarray, spacing=(1.0, 1.0, 2.0)) -> sitk.Image:
    """Return the array of a store as a scan somewhere in the patient."""
    volume = run.read_spec().training["dimensions"] == 3
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T) if volume else array)
    image.SetSpacing(spacing)
    image.SetOrigin((-20, 30, 5))
    return image
