"""Between the grid that is trained on and the scan's own: labels there, predictions back."""

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses

from dmd.data.own import Own
from dmd.data.resample import at_origin, nearest
from dmd.data.scan import to_scan, upright


def label_on(label: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return an upright label map in the voxels of ``grid``, what `to_training_grid` made of its scan."""
    return nearest(at_origin(label), grid)


def to_own(
    labels: np.ndarray, own: Own, spacing_mm: Sequence[float] | None, downsample: Sequence[int], dimensions: int
) -> np.ndarray:
    """Return the label map of a stored case in the voxels of its scan, as `dmd predict` brings it back.

    Parameters
    ----------
    labels : np.ndarray
        Classes in the voxels of the store, in the axes of `to_array`.
    own : Own
        The grid of the scan.
    spacing_mm : sequence of float or None
        Of the store; None where slices were not resampled.
    downsample : sequence of int
        Whole factor per axis of the stored array.
    dimensions : int
        2 where slices are segmented.

    Returns
    -------
    np.ndarray
        uint8 in the shape of ``own.label``.
    """
    scan = sitk.GetImageFromArray(np.ascontiguousarray(own.label.T))
    scan.SetSpacing(own.spacing_mm)
    scan.SetOrigin(own.origin_mm)
    scan.SetDirection(own.direction)
    turned = upright(scan, dimensions)
    edges = turned.GetSpacing()
    factors = list(downsample) if dimensions == 3 else list(downsample)[::-1]
    coarse = spacing_mm or [edge * factor for edge, factor in zip(edges, factors, strict=True)]
    shape = labels.shape if dimensions == 3 else labels.shape[::-1]
    grid = sitk.Image([int(size) for size in shape], sitk.sitkUInt8)
    grid.SetSpacing(coarse)
    grid.SetOrigin([(new - old) / 2 for new, old in zip(coarse, edges, strict=True)])  # the corners lie together
    return np.ascontiguousarray(sitk.GetArrayFromImage(to_scan(labels, grid, turned, scan, dimensions)).T)
