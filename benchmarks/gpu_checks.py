"""What must hold before anything is timed: every method trains, goes on and computes the same with every kernel."""

import math
from pathlib import Path

import torch
from gpu_sides import prepared

from dmd.data.batches import Batches
from dmd.data.store import load_store, write_store
from dmd.errors import InputError
from dmd.methods.contract import CLASSES, PATIENTS, tiny_cases, tiny_training
from dmd.networks.exactness import require_exact
from dmd.networks.kernels import Kernels
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import load_tensors
from dmd.training.loop import train

PATCH = {2: [32, 32], 3: [48, 32, 32]}  # whose bf16 every device is known to compute rightly
STEPS, STOP = 6, 3
TOLERANCE = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2}  # relative distance of the first step's loss from that in fp32
RESUMED = 1e-2  # of a GPU's weights after a stop from those without; a CPU's are equal


class StopError(Exception):
    """A training is to end here."""


def check(
    name: str, params: dict, dimensions: int, sides: dict[str, Kernels], device: torch.device, folder: Path
) -> dict:
    """Return what was found of a method, ``faults`` among it."""
    training = tiny_training(dimensions, name, params) | {"patch": PATCH[dimensions], "iterations": STEPS}
    store = folder / f"tiny{dimensions}d.h5"
    if not store.exists():
        write_store(store, training["dataset"], CLASSES[dimensions], PATIENTS, tiny_cases(dimensions))
    apart = _resumed(training, store, device, folder)
    losses = {side: _first_loss(training, kernels, store, device) for side, kernels in sides.items()}
    # Noise is drawn in the order in which values lie in memory, so each order has a loss of its own.
    exact = {last: _first_loss(training, Kernels("fp32", last), store, device) for last in (True, False)}
    limit = 0.0 if device.type == "cpu" else RESUMED
    faults = [] if apart <= limit else [f"resumed weights are {apart:.1e} apart, expected at most {limit:g}"]
    for side, loss in losses.items():
        right, tolerance = exact[sides[side].channels_last], TOLERANCE[sides[side].precision]
        if not abs(loss - right) <= tolerance * abs(right):
            faults.append(f"loss {loss:.6f} with {side}, {right:.6f} in fp32, expected within {tolerance:g}")
    return {"method": name, "dimensions": dimensions, "resumed_apart": apart, "losses": losses, "faults": faults}


def usable(
    settings: dict, sides: dict[str, Kernels], device: torch.device
) -> tuple[dict[str, Kernels], dict[str, str]]:
    """Return the sides whose convolutions are right in the shapes of a run, and why the others are not there."""
    right, wrong = {}, {}
    for side, kernels in sides.items():
        try:
            kernels.use(device)
            require_exact(settings, kernels, device)
            right[side] = kernels
        except InputError as error:
            wrong[side] = str(error)
    return right, wrong


def _resumed(training: dict, store: Path, device: torch.device, folder: Path) -> float:
    """Return how far the weights of a training that stopped on the way are from those of one that did not."""
    ends = []
    for way in ("straight", "stopped"):
        run = RunFolder(folder / way / Spec(training, {}).id)
        run.write_spec(Spec(training, {}))
        if way == "stopped":
            _stop(run, store, device)
        train(run, store, str(device), save_every=1)
        ends.append(load_tensors(run.weights, torch.device("cpu")))
    distances = [float((ends[0][name] - tensor).abs().max()) for name, tensor in ends[1].items()]
    return math.nan if any(math.isnan(distance) for distance in distances) else max(distances)


def _stop(run: RunFolder, store: Path, device: torch.device) -> None:
    saves = iter(range(STOP))

    def saved(size: int) -> None:
        if next(saves, None) is None:
            raise StopError

    try:
        train(run, store, str(device), save_every=1, saved=saved)
    except StopError:
        return
    raise AssertionError(f"{run.id} was to stop after {STOP} steps")


def _first_loss(training: dict, kernels: Kernels, store: Path, device: torch.device) -> float:
    data = load_store(store, training["dataset"], parts=["train"])
    method = prepared(training, kernels, device)
    batches = Batches(data, training, method.extras(data.labelled(training["labelled"])))
    torch.manual_seed(0)
    with kernels.autocast(device):
        terms = method.losses(batches[0].to(device), 0)
    return float(sum(term.detach() for term in terms.values()))
