"""Nearest-neighbour rotation of planes, equal to ``scipy.ndimage.rotate`` with order 0."""

import numpy as np
import torch
from scipy import special
from torch import Tensor


def rotate_nearest(plane: Tensor, angle: float) -> Tensor:
    """Rotate a plane ``(X, Y)`` about its middle by ``angle`` degrees; it keeps its shape and is 0 where nothing was.

    Pixel o takes its value from the pixel nearest to R (o - m) + m, m being the middle. Every operation is one of
    float64 in SciPy's order, none fused with the next, so that ties round as they do there, on any device.
    """
    cosine, sine = float(special.cosdg(angle)), float(special.sindg(angle))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    middle = (np.array(plane.shape) - 1) / 2
    shifts = (middle - turn @ middle).tolist()
    rows, columns = (torch.arange(size, dtype=torch.float64, device=plane.device) for size in plane.shape)
    places = [
        (rows * from_rows + shift)[:, None] + columns * from_columns
        for (from_rows, from_columns), shift in zip(turn.tolist(), shifts, strict=True)
    ]
    nearest = [torch.floor(place + 0.5).long() for place in places]
    outside = [(place < 0) | (place > size - 1) for place, size in zip(places, plane.shape, strict=True)]
    within = [pixel.clamp(0, size - 1) for pixel, size in zip(nearest, plane.shape, strict=True)]
    return plane[within[0], within[1]].masked_fill(outside[0] | outside[1], 0)
