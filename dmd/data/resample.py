"""Scans and masks in other voxels: linear for intensities, nearest neighbour for classes."""

import math
from collections.abc import Sequence

import psutil
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses

from dmd.errors import InputError
from dmd.planning.working_grid import size_at

LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def at_origin(scan: sitk.Image) -> sitk.Image:
    """Return the scan where what is done to it cannot depend on how it lay in space, not even by rounding."""
    local = sitk.Image(scan)
    local.SetOrigin((0.0, 0.0, 0.0))
    local.SetDirection(LPS)
    return local


def nearest(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """Return a mask in the voxels of ``grid``; what lies outside of it has the class of the nearest voxel within."""
    return sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, mask.GetPixelID(), True)


def resampled(scan: sitk.Image, spacing_mm: Sequence[float]) -> sitk.Image:
    """Return a scan at the origin with another spacing, its corner where it was."""
    old = scan.GetSpacing()
    size = size_at(scan.GetSize(), old, spacing_mm)
    _require_memory(scan.GetSize(), size, spacing_mm)
    origin = [(b - a) / 2 for a, b in zip(old, spacing_mm, strict=True)]
    kind, unmoved = scan.GetPixelID(), sitk.Transform()
    return sitk.Resample(scan, size, unmoved, sitk.sitkLinear, origin, spacing_mm, LPS, 0.0, kind, True)


def _require_memory(old: Sequence[int], size: Sequence[int], spacing_mm: Sequence[float]) -> None:
    """Require room for a scan in other voxels: itself, and the sums, counts and probabilities of two classes."""
    needed, there = math.prod(size) * 4 * 6, psutil.virtual_memory().available
    if needed > there:
        raise InputError(
            f"expected a scan that fits into memory at the data set's spacing of {list(spacing_mm)} mm, found "
            f"{'x'.join(map(str, size))} voxels made of {'x'.join(map(str, old))}: {needed / 1e9:.1f} GB, of which "
            f"{there / 1e9:.1f} GB are free; is the spacing of the scan right? Else crop it"
        )
