"""Segment the test cases with the trained network of a run."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dmd.data.hdf5 import creating
from dmd.data.store import load_store
from dmd.devices import choose_device
from dmd.errors import InputError
from dmd.inference import predict_case
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.progress import Progress
from dmd.rundir import RunDir


def predict(run: RunDir, store: Path, device: str = "auto") -> None:
    """Write ``predictions.h5``: one uint8 label map ``(*S)`` per test case, by name.

    Raises
    ------
    InputError
        The spec or the store is not this run's, or the weights are missing or do not fit.
    """
    spec = run.read_spec()
    chosen = choose_device(device)
    predictor = load_predictor(run, spec, chosen)
    data = load_store(store, spec["dataset"], parts=["test"])
    cases = data.cases("test")
    progress = Progress(f"{run.id} predict", len(cases))
    with creating(run.predictions) as file:
        file.attrs["run"] = run.id
        for done, case in enumerate(cases, 1):
            labels = predict_case(predictor, case.image, spec, chosen)
            file.create_dataset(case.name, data=labels, compression="gzip", compression_opts=1)
            progress.report(done)


def load_predictor(run: RunDir, spec: dict[str, Any], device: torch.device) -> nn.Module:
    """Return the trained network of a run, ready for evaluation."""
    try:
        weights = torch.load(run.weights, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise InputError(f"expected weights at {run.weights}, found none; train the run first") from None
    predictor = make(spec["method"], Build.from_spec(spec)).predictor.to(device)
    try:
        predictor.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{run.weights} does not fit the network of its spec.json: {error}") from None
    return predictor.eval()
