"""Where the volumes of a training lie: on its device while there is room for them, else in the host's memory."""

import sys

import torch
from torch import Tensor

from dmd.devices import free_bytes

# Volumes take at most this share of the free memory: the rest is for the steps, which need more.
SHARE = 1 / 4

Volumes = list[tuple[Tensor, ...]]


def laid(volumes: Volumes, device: torch.device) -> Volumes:
    """Return volumes on a device; where they would take too much of its free memory, as they are, which is said."""
    if device.type == "cpu":
        return volumes
    needed, free = sum(tensor.nbytes for tensors in volumes for tensor in tensors), free_bytes(device)
    if needed > SHARE * free:
        print(
            f"the volumes stay in the host's memory: they need {_gb(needed)}, more than {SHARE:.0%} of the "
            f"{_gb(free)} free on {device}. Batches are made on the processor",
            file=sys.stderr,
        )
        return volumes
    return [tuple(tensor.to(device) for tensor in tensors) for tensors in volumes]


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device; on its way to a GPU it waits in pinned memory, so that nobody waits for it."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _gb(size: float) -> str:
    return f"{size / 2**30:.1f} GB"
