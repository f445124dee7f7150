"""Nearest-neighbour resizing of planes, equal to ``scipy.ndimage.zoom`` with order 0."""

from collections.abc import Sequence

import torch
from torch import Tensor


def zoom_nearest(array: Tensor, shape: Sequence[int]) -> Tensor:
    """Resize the last two axes of ``(..., X, Y)`` to ``shape``.

    The centres of the first and the last pixel keep their places: pixel i of m takes its value from pixel
    floor(i (n - 1) / (m - 1) + 1/2) of n. SciPy reads a last pixel that rounding puts just outside as 0, for
    instance from 256 to 216; so did the published scores (HiLab-git/SSL4MIS:code/test_2D_fully.py), so do we.

    Parameters
    ----------
    array : Tensor
        Of any type, on any device, which the host does not wait for.
    shape
        Wanted sizes of the last two axes.

    Returns
    -------
    Tensor
        A copy ``(..., *shape)`` of the same type.
    """
    rows, last_row_outside = _sources(array.shape[-2], shape[0], array.device)
    columns, last_column_outside = _sources(array.shape[-1], shape[1], array.device)
    zoomed = array.index_select(-2, rows).index_select(-1, columns)
    if last_row_outside:
        zoomed[..., -1, :] = 0
    if last_column_outside:
        zoomed[..., -1] = 0
    return zoomed


def _sources(size_in: int, size_out: int, device: torch.device) -> tuple[Tensor, bool]:
    """Return the index every new pixel is read from, and whether the last one lies outside by rounding."""
    step = (size_in - 1) / (size_out - 1) if size_out > 1 else 1.0
    places = torch.arange(size_out, dtype=torch.float64, device=device) * step
    return torch.floor(places + 0.5).long(), (size_out - 1) * step > size_in - 1
