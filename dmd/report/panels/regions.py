"""Where in a volume something lies: at the predicted boundary or away from it, and which plane and box to show."""

import numpy as np
from scipy import ndimage

NEAR = 2.0  # voxels; our choice
FEW = 4  # voxels; our choice
CORNER = 1 - np.pi / 4  # of a square of side 1, outside the disc of radius 1 that touches both sides
ZONES = ("background", "foreground", "background_near_boundary", "foreground_near_boundary")


def boundary(mask: np.ndarray) -> np.ndarray:
    """Return the voxels of a mask ``(*S)`` that an erosion takes away; the edge of the volume is no boundary."""
    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def near_boundary(mask: np.ndarray, width: float = NEAR) -> np.ndarray:
    """Return the voxels at most ``width`` voxels from one of the other side; none of an empty or full mask.

    Both sides are as thick; the edge of the volume is no boundary.
    """
    if mask.all() or not mask.any():
        return np.zeros_like(mask)
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return np.maximum(inside, outside) <= width


def zones(mask: np.ndarray) -> np.ndarray:
    """Return for every voxel its index in `ZONES`."""
    return 2 * near_boundary(mask) + mask.astype(int)


def shares(energy: np.ndarray, zone: np.ndarray) -> dict[str, float]:
    """Return which share of a non-negative quantity ``(*S)`` lies in each of the `ZONES`; NaN where there is none."""
    sums = np.bincount(zone.ravel(), energy.ravel().astype(np.float64), minlength=len(ZONES))
    total = sums.sum()
    return {name: part / total if total > 0 else np.nan for name, part in zip(ZONES, sums.tolist(), strict=True)}


def fullest_plane(mask: np.ndarray) -> int:
    """Return the index along the last axis of the plane with the most boundary voxels of a mask ``(X, Y, Z)``."""
    return int(boundary(mask).sum(axis=(0, 1)).argmax())


def plane(volume: np.ndarray, index: int, axis: int) -> np.ndarray:
    """Return the plane ``index`` across ``axis`` as a picture, whose rows are y.

    A volume ``(X, Y, Z)`` has x before y and is turned; the slices ``(slices, Y, X)`` of a stack, across axis 0, stand.
    """
    found = volume.take(index, axis)
    return found if axis == 0 else found.T


def outer_branch(mask: np.ndarray, margin: int = 2) -> tuple[slice, slice] | None:
    """Return a box around the largest part of a mask ``(X, Y)`` that is thin, ``None`` where nothing is.

    Thin is what an opening by a disc of half the radius of the largest inscribed one takes away (our choice), but for
    what it takes from a right-angled corner and for the outermost voxel, which discs on a grid take or leave by chance.
    The box is ``margin`` voxels larger on each side, and then as wide for its height as the plane.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    radius = depth.max() / 2
    body = _dilated(depth > radius, radius + 1)
    labels, _ = ndimage.label(mask & ~body, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max(initial=0) <= max(FEW, CORNER * radius**2):
        return None
    largest = 1 + int(np.argmax(sizes))
    sides = ndimage.find_objects(labels)[largest - 1]
    share = max((side.stop - side.start + 2 * margin) / size for side, size in zip(sides, mask.shape, strict=True))
    across, along = (_centred(side, share * size, size) for side, size in zip(sides, mask.shape, strict=True))
    return across, along


def _centred(side: slice, length: float, size: int) -> slice:
    """Return a slice of about ``length`` around the middle of ``side``, pushed inside 0..size."""
    length = min(round(length), size)
    start = min(max((side.start + side.stop - length) // 2, 0), size - length)
    return slice(start, start + length)


def _dilated(mask: np.ndarray, radius: float) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= radius if mask.any() else mask
