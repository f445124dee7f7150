"""What synthetic scans are made of: ellipsoids, tubes and smooth noise on a grid.

A grid is a list of broadcastable float32 coordinate arrays, one per axis, in voxels.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
from scipy.ndimage import gaussian_filter

Grid = list[np.ndarray]
Vector = Sequence[float] | np.ndarray  # a value per axis


def generator(name: str) -> np.random.Generator:
    """Return a random generator that is a function of ``name`` alone."""
    return np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))


def grid(shape: Sequence[int] | np.ndarray) -> Grid:
    """Return the coordinates of every voxel of an array of ``shape``."""
    return list(np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape), indexing="ij", sparse=True))


def ellipsoid(points: Grid, centre: Vector, radii: Vector, angle: float = 0.0) -> np.ndarray:
    """Return the voxels within an ellipsoid (2-D: ellipse) that is turned by ``angle`` in the x-y plane."""
    offset = _offset(points, centre)
    cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    offset[:2] = cosine * offset[0] + sine * offset[1], cosine * offset[1] - sine * offset[0]
    return _sum((axis / np.float32(radius)) ** 2 for axis, radius in zip(offset, radii, strict=True)) < 1


def tube(points: Grid, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Return the voxels closer than ``radius`` to the segment from ``start`` to ``end``."""
    along = end - start
    length = np.float32(along @ along)
    offset = _offset(points, start)
    projection = _sum(axis * np.float32(step) for axis, step in zip(offset, along, strict=True))
    share = np.clip(projection / length, 0, 1)
    squared = _sum(axis**2 for axis in offset) - 2 * share * projection + share**2 * length
    return squared < radius**2


def smooth_noise(shape: Sequence[int], width: float, random: np.random.Generator) -> np.ndarray:
    """Return Gaussian noise blurred to ``width`` voxels, mean 0, standard deviation 1, float32."""
    field = gaussian_filter(random.standard_normal(shape, np.float32), width, truncate=2)
    return (field - field.mean()) / field.std()


def near(mask: np.ndarray) -> np.ndarray:
    """Return the voxels within about two voxels of ``mask``."""
    return gaussian_filter(mask.astype(np.float32), 1.0, truncate=2) > 0.03


def _sum(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return reduce(np.add, arrays)


def _offset(points: Grid, centre: Vector) -> Grid:
    return [axis - np.float32(value) for axis, value in zip(points, centre, strict=True)]
