"""The voxels that scans of different spacings are brought to, and the patch of them that a network sees at once."""

import math
from collections.abc import Sequence
from statistics import median

EDGE = 16  # networks halve a patch four times


def median_spacing(spacings_mm: Sequence[Sequence[float]]) -> list[float]:
    """Return the median edges of voxels, axis by axis, to 0.1 um: headers have them in float32.

    >>> median_spacing([[0.7, 0.7, 3], [0.699999988, 0.699999988, 1.5], [1, 1, 5]])
    [0.7, 0.7, 3]
    """
    return [round(median(edges), 4) for edges in zip(*spacings_mm, strict=True)]


def size_at(size: Sequence[int], old_mm: Sequence[float], new_mm: Sequence[float]) -> list[int]:
    """Return the size of a scan in voxels of another size.

    >>> size_at((100, 100, 20), (0.8, 0.8, 2.5), (1, 1, 3))
    [80, 80, 17]
    """
    return [max(1, round(count * old / new)) for count, old, new in zip(size, old_mm, new_mm, strict=True)]


def patch_for(sizes: Sequence[Sequence[int]], most: int) -> list[int]:
    """Return a patch of at most ``most`` voxels that every volume holds, in the shape of their median.

    Volumes are turned by quarters in the plane of the first two axes: neither edge exceeds the shorter of these. No
    edge is below `EDGE`, whatever the volumes are.

    >>> patch_for([[100, 80, 20], [120, 90, 30]], 32 * 32 * 16)
    [32, 32, 16]
    """
    plane, depth = min(min(size[:2]) for size in sizes), min(size[2] for size in sizes)
    patch = [max(EDGE, least // EDGE * EDGE) for least in (plane, plane, depth)]
    typical = [median(axis) for axis in zip(*sizes, strict=True)]
    while math.prod(patch) > most and max(patch) > EDGE:
        widest = max((axis for axis in range(3) if patch[axis] > EDGE), key=lambda axis: patch[axis] / typical[axis])
        patch[widest] -= EDGE
    return patch
