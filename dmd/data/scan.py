"""A scan of the user's own: read with its geometry, brought to the voxels of a data set, its mask brought back.

NIfTI and NRRD files say where each voxel lies in the patient. The arrays of the data sets do not, but their axes run
towards the left, the back and the head of the patient (LPS): aorta, spine and liver show it in four scans of the left
atrium that were looked at; of ACDC it is assumed. An HDF5 file holds an array in these axes, as the public copies do.
"""

import itertools
import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses
from nibabel.spatialimages import SpatialImage

from dmd.data.geometry import require_header, require_scan, require_spacing
from dmd.data.hdf5 import read_array, reading
from dmd.data.resample import at_origin, nearest, resampled
from dmd.data.unreadable import UNREADABLE, reason
from dmd.errors import InputError
from dmd.files import replacing
from dmd.planning.config import Dataset

NIFTI = (".nii.gz", ".nii")
MASKS = (*NIFTI, ".nrrd", ".mha")
SCANS = (*MASKS, ".h5")


def suffix(path: Path, known: Sequence[str]) -> str:
    """Return which of the ``known`` endings a path has.

    Raises
    ------
    InputError
        It has another one.
    """
    for ending in known:
        if path.name.lower().endswith(ending):
            return ending
    raise InputError(f"expected a file that ends in {', '.join(known)}, found {path}")


def read_scan(path: Path, dataset: Dataset | None = None) -> sitk.Image:
    """Return a scan as a volume of float32 with its spacing, origin and directions.

    Parameters
    ----------
    path : Path
        ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha``; or ``.h5`` with an array ``image`` as in the public copy of the data
        set.
    dataset : Dataset, optional
        Says which axes and which voxels the array of an ``.h5`` has; without it there is no ``.h5``.

    Raises
    ------
    InputError
        The file is missing or unreadable, or what `dmd.data.geometry` refuses: no volume of finite numbers, no or two
        answers to where its voxels lie.
    """
    ending = suffix(path, SCANS if dataset else MASKS)
    if not path.is_file():
        raise InputError(f"expected a scan at {path}, found no file")
    nifti = ending in NIFTI
    try:
        if nifti:
            require_header(path)
        scan = _read_array(path, dataset) if dataset and ending == ".h5" else sitk.ReadImage(path)
        # SimpleITK reads a NaN of a NIfTI as 0.
        values = cast(SpatialImage, nibabel.load(path)).dataobj if nifti else sitk.GetArrayViewFromImage(scan).T
        numbers = np.asanyarray(values)
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as a scan: {reason(error)}") from None
    require_scan(path, scan, numbers)
    require_spacing(path)
    return sitk.Cast(scan, sitk.sitkFloat32)


def upright(scan: sitk.Image, dimensions: int) -> sitk.Image:
    """Return the scan with its axes in the order and directions nearest to left, back, head; no voxel changes.

    Slices that are segmented one by one (``dimensions`` 2) stay slices, however they lie in the patient: the axis with
    the largest spacing, of equal ones the later, becomes the last. An axis then may stand in the place of another, as
    in sagittal slices that of the head in the left's: it still runs towards the head.
    """
    directions, spacing = _directions(scan), np.round(scan.GetSpacing(), 3)
    orders = list(itertools.permutations(range(3)))
    runs = _nearest(directions, orders)  # which axis runs left or right, back or front, up or down
    if dimensions == 2:
        across = max(range(3), key=lambda axis: (spacing[axis], axis))
        orders = [order for order in orders if order[2] == across]
    order = _nearest(directions, orders)
    backwards = [bool(directions[runs.index(axis), axis] < 0) for axis in order]
    return sitk.Flip(sitk.PermuteAxes(scan, order), backwards)


def to_training_grid(scan: sitk.Image, dataset: Dataset, downsample: Sequence[int]) -> sitk.Image:
    """Return an upright scan in the voxels of a store: the spacing of the data set, then means over blocks.

    Volumes are interpolated linearly; with the spacing of the data set they stay as they are. Slices are not resampled,
    as those of the public copy were not, nor are volumes where that spacing is unknown. The result lies at the origin.

    Parameters
    ----------
    scan : sitk.Image
        What `upright` returned.
    dataset : Dataset
        ``spacing_mm`` and ``dimensions`` are read.
    downsample : sequence of int
        Whole factor per axis of the stored array, see `dmd.data.downsample`.

    Raises
    ------
    InputError
        The scan is thinner than one block.
    """
    local = at_origin(scan)
    if dataset.dimensions == 3 and dataset.spacing_mm:
        local = resampled(local, dataset.spacing_mm)
    factors = list(downsample) if dataset.dimensions == 3 else list(downsample)[::-1]
    if any(size < factor for size, factor in zip(local.GetSize(), factors, strict=True)):
        raise InputError(
            f"expected a scan of at least {factors} voxels at the data set's spacing, found {local.GetSize()}"
        )
    return sitk.BinShrink(local, factors)


def to_array(scan: sitk.Image, dimensions: int) -> np.ndarray:
    """Return the array of a scan as stores have it: ``(X, Y, Z)``, or ``(slices, Y, X)`` where slices are segmented."""
    array = sitk.GetArrayFromImage(scan)
    return array if dimensions == 2 else np.ascontiguousarray(array.T)


def with_intensities(scan: sitk.Image, normalise: Callable[[np.ndarray], np.ndarray]) -> sitk.Image:
    """Return the scan with the intensities that ``normalise`` makes of those of the whole.

    Refuses those that are too close together for float32, where their squares are 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        array = normalise(sitk.GetArrayFromImage(scan))
    if not np.isfinite(array).all():
        raise InputError("expected intensities that can be scaled in float32, found too small ones; multiply them")
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(scan)
    return changed


def to_scan(values: np.ndarray, grid: sitk.Image, turned: sitk.Image, scan: sitk.Image, dimensions: int) -> sitk.Image:
    """Return labels or probabilities in the voxels of the scan that they were made from: nearest neighbour.

    Parameters
    ----------
    values : np.ndarray
        One for each voxel of ``grid``, in the axes of `to_array`.
    grid, turned, scan : sitk.Image
        What `to_training_grid`, `upright` and `read_scan` returned; the result has the geometry of ``scan``.
    dimensions : int
        As in `upright`.
    """
    mask = _from_array(values, dimensions)
    mask.CopyInformation(grid)
    mask = nearest(mask, at_origin(turned))
    mask.CopyInformation(turned)
    mask = nearest(mask, scan)  # every voxel of the one is one of the other
    mask.CopyInformation(scan)
    return mask


def require_found(mask: sitk.Image, path: Path, classes: Sequence[str]) -> None:
    """Require a mask that is not all background: it would pass for a scan of somebody without the organ."""
    if not sitk.GetArrayViewFromImage(mask).any():
        raise InputError(
            f"{path}: expected a scan in which the run finds {' or '.join(classes[1:])}, found background alone; no "
            "mask is written. Does the scan show it, is it whole, are its axes and spacing right? See docs/data.md"
        )


def amounts(mask: sitk.Image, classes: Sequence[str], *, spacing_known: bool = True) -> dict[str, str]:
    """Return how much there is of each class but the first, the background, by its name: ml, or voxels of any size."""
    voxels = np.bincount(sitk.GetArrayViewFromImage(mask).ravel(), minlength=len(classes))
    millilitres = math.prod(mask.GetSpacing()) / 1000
    said = [f"{count * millilitres:.1f} ml" if spacing_known else f"{count} voxels" for count in voxels[1:]]
    return dict(zip(classes[1:], said, strict=True))


def write_mask(mask: sitk.Image, path: Path) -> None:
    """Write a mask, or probabilities, as the ending of ``path`` says, aside and then in its place."""
    with tempfile.TemporaryDirectory() as folder:
        # The library chooses the format by the ending, which a file that is written aside does not have.
        whole = Path(folder) / f"mask{suffix(path, MASKS)}"
        sitk.WriteImage(mask, whole, useCompression=True)
        with replacing(path) as aside:
            shutil.copyfile(whole, aside)


def _read_array(path: Path, dataset: Dataset) -> sitk.Image:
    with reading(path, "an array 'image'", "give a whole one", sealed=False) as file:
        array = np.asarray(read_array(file, "image"), np.float32)
    image = _from_array(array, dataset.dimensions)
    if dataset.spacing_mm and image.GetDimension() == len(dataset.spacing_mm):
        image.SetSpacing(dataset.spacing_mm)
    return image


def _from_array(array: np.ndarray, dimensions: int) -> sitk.Image:
    return sitk.GetImageFromArray(array if dimensions == 2 else np.ascontiguousarray(array.T), isVector=False)


def _nearest(directions: np.ndarray, orders: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the order in which axes lie nearest to left, back and head, in whichever direction they run."""
    towards = np.abs(directions)
    return max(orders, key=lambda order: sum(towards[place, axis] for place, axis in enumerate(order)))


def _directions(scan: sitk.Image) -> np.ndarray:
    """Return how far each axis (column) of the scan runs towards left, back and head (rows)."""
    return np.reshape(scan.GetDirection(), (3, 3))
