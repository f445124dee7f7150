"""Weights at fixed fractions of a training, so that its pseudo labels can be looked at afterwards.

Every run keeps them: they are part of no setting, so a figure that is asked for later finds them. They hold the
network used for inference only; what all networks had learnt in the end stands in the run's state.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dmd.devices import placed
from dmd.errors import InputError
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import load_tensors, save_tensors
from dmd.runs.vouching import require_own

FRACTIONS = (1 / 8, 1 / 4, 1 / 2)  # our choice; the end of the training is the run's state


def steps(iterations: int) -> list[int]:
    """Return after how many steps of a run weights are kept, in order.

    >>> steps(6000), steps(2)
    ([750, 1500, 3000], [1])
    """
    return sorted({max(1, round(fraction * iterations)) for fraction in FRACTIONS})


def keep(run: RunFolder, method: Method, step: int, iterations: int) -> None:
    """Write the snapshot of ``step`` if there is one."""
    if step not in steps(iterations):
        return
    weights = {name: tensor.cpu().contiguous() for name, tensor in method.predictor.state_dict().items()}
    save_tensors(run.snapshot(step), weights)


def load_snapshot(run: RunFolder, training: dict[str, Any], step: int, device: torch.device) -> nn.Module:
    """Return the network used for inference as it was after ``step`` steps, ready for evaluation.

    Raises
    ------
    InputError
        The run has no such snapshot, or it does not fit the settings.
    """
    if step == training["iterations"]:
        return load_trained(run, training, device).predictor.eval()
    predictor = _build(training, device).predictor
    require_own(run, run.snapshot(step))
    _fill(run.snapshot(step), device, predictor.load_state_dict)
    return predictor.eval()


def load_trained(run: RunFolder, training: dict[str, Any], device: torch.device) -> Method:
    """Return the method with all its networks as they were after the last step, ready for evaluation.

    Raises
    ------
    InputError
        The run's state is missing, of another run, of an earlier step, or does not fit the settings.
    """
    method = _build(training, device)
    method.start_training(training["optimiser"])

    def take(state: dict[str, Any]) -> None:
        if (state["run"], state["step"]) != (run.id, training["iterations"]):
            raise ValueError(f"found step {state['step']} of run '{state['run']}'")
        method.load_training_state(state["training"])

    _fill(run.state, device, take)
    return method.eval()


def _build(training: dict[str, Any], device: torch.device) -> Method:
    return placed(make(training["method"], Build.from_settings(training)), device, training["dimensions"])


def _fill(path: Path, device: torch.device, take: Callable[[dict[str, Any]], Any]) -> None:
    try:
        take(load_tensors(path, device))
    except (FileNotFoundError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"expected what a finished training keeps at {path}: {error}. Delete the folder of the run and have it "
            "made again; it ends in the same weights"
        ) from None
