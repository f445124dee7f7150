"""Exact Euclidean distances on a grid, axis by axis."""

import numpy as np


def bounding_box(mask: np.ndarray, margin: int = 0) -> tuple[slice, ...]:
    """Return the smallest box around the True of a mask, larger by a margin where the mask has room for it."""
    others = [tuple(set(range(mask.ndim)) - {axis}) for axis in range(mask.ndim)]
    there = [np.flatnonzero(mask.any(axis=axes)) for axes in others]
    return tuple(slice(max(int(places[0]) - margin, 0), int(places[-1]) + 1 + margin) for places in there)


def squared_distances(mask: np.ndarray) -> np.ndarray:
    """Return the squared distance of every voxel ``(*S)`` to the nearest True; there is one at least.

    The distance along the first axis is counted; each further axis with coordinate x then gives
    ``d(x) <- min_y d(y) + (x - y)^2`` (Saito and Toriwaki 1994). y is taken from the mask's box, and by rising
    ``|x - y|``, until no voxel can come nearer. In the smallest unsigned integers that hold every sum this is more
    than three times as fast on volumes as SciPy's transform, and as fast on planes.
    """
    box = bounding_box(mask)
    beyond = sum(size**2 for size in mask.shape)
    kind = np.min_scalar_type(2 * beyond)
    steps = _steps_along_first(mask[:, *box[1:]])
    squares = np.where(steps < len(mask), steps.astype(kind) ** 2, kind.type(beyond))
    for axis in range(1, mask.ndim):
        sources = np.ascontiguousarray(np.moveaxis(squares, axis, 0))
        nearest = np.full((mask.shape[axis], *sources.shape[1:]), beyond, kind)
        _spread(sources, box[axis].start, nearest)
        squares = np.moveaxis(nearest, 0, axis)
    return squares


def _steps_along_first(mask: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest True along the first axis; the size where there is none."""
    size = len(mask)
    kind = np.min_scalar_type(2 * size)
    steps = np.where(mask, kind.type(0), kind.type(size))
    shift = 1
    while shift < size:  # any way is a sum of powers of two
        _lower(steps[shift:], steps[:-shift] + kind.type(shift))
        _lower(steps[:-shift], steps[shift:] + kind.type(shift))
        shift *= 2
    return steps


def _spread(sources: np.ndarray, start: int, nearest: np.ndarray) -> None:
    """Lower ``nearest`` to the least ``source + offset^2``; the sources begin at ``start`` of its first axis."""
    count, size = len(sources), len(nearest)
    nearest[start : start + count] = sources
    moved = np.empty_like(sources)
    for offset in range(1, max(start + count, size - start)):
        if offset % 8 == 1 and offset**2 >= nearest.max():  # looked at now and then: it costs as much as a step
            break
        np.add(sources, sources.dtype.type(offset**2), out=moved)
        up, down = start + offset, start - offset
        _lower(nearest[up : up + count], moved[: max(size - up, 0)])
        _lower(nearest[max(down, 0) : max(down + count, 0)], moved[max(-down, 0) :])


def _lower(values: np.ndarray, others: np.ndarray) -> None:
    np.minimum(values, others, out=values)
