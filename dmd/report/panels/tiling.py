"""Outputs of a trained network over a whole case, each voxel seen once: for pictures and what is measured in them."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dmd.networks.kernels import Kernels
from dmd.testing.inference import padded, window_starts

BATCH = 4  # windows at once: their outputs can be differentiated


@torch.no_grad()
def tiled(
    network: Callable[[Tensor], Tensor | tuple[Tensor, ...]],
    image: np.ndarray,
    patch: Sequence[int],
    device: torch.device,
    precision: str = "fp32",
) -> tuple[Tensor, ...]:
    """Return the outputs of a 3-D network over a case, each voxel from the window in which it is most central.

    Nothing is averaged, as it is in `sliding_window`, and the network sees patches of the size it was trained on:
    its deepest levels are so small that the zeros around a window decide much of what it says. Windows overlap by half;
    an axis smaller than the patch is padded and cropped back.

    Parameters
    ----------
    network
        Maps windows ``(B, 1, *patch)`` to one or several outputs ``(B, K, *patch)`` on ``device``.
    image
        ``(X, Y, Z)``.
    patch, device, precision
        As in `sliding_window`.

    Returns
    -------
    tuple of Tensor
        ``(K, X, Y, Z)`` float32 per output; they can be differentiated.
    """
    volume, inside = padded(torch.tensor(image, dtype=torch.float32, device=device), patch)
    axes = [_tiles(size, length) for size, length in zip(volume.shape, patch, strict=True)]
    tiles = [tuple(zip(*tile, strict=True)) for tile in itertools.product(*axes)]
    totals: list[Tensor] = []
    for first in range(0, len(tiles), BATCH):
        batch = tiles[first : first + BATCH]
        with Kernels(precision).autocast(device):
            found = network(torch.stack([volume[window] for window, _, _ in batch])[:, None])
        outputs = found if isinstance(found, tuple) else (found,)
        totals = totals or [volume.new_empty((output.shape[1], *volume.shape)) for output in outputs]
        for total, output in zip(totals, outputs, strict=True):
            for (_, core, within), seen in zip(batch, output.float(), strict=True):
                total[:, *core] = seen[:, *within]
    return tuple(total[:, *inside] for total in totals)


def _tiles(size: int, patch: int) -> list[tuple[slice, slice, slice]]:
    """Return the windows along one axis: where each lies, which part of the axis is taken from it, and where in it."""
    starts = window_starts(size, patch, -(-patch // 2))
    cuts = [0, *((a + b + patch) // 2 for a, b in itertools.pairwise(starts)), size]
    return [
        (slice(start, start + patch), slice(low, high), slice(low - start, high - start))
        for start, (low, high) in zip(starts, itertools.pairwise(cuts), strict=True)
    ]
