"""Label files of a folder: whole numbers on the grid of their scan, mapped to classes and back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses

from dmd.data.geometry import require_one_grid
from dmd.data.scan import read_scan
from dmd.errors import InputError


def read_label(path: Path, scan: sitk.Image) -> sitk.Image:
    """Return the values of a label file, int32, on the grid of its scan.

    Raises
    ------
    InputError
        The file is none that `read_scan` reads, lies elsewhere than the scan, or holds what is no whole number.
    """
    label = read_scan(path)
    require_one_grid(path, label, scan)
    values = sitk.GetArrayViewFromImage(label)
    broken = values != np.round(values)
    if broken.any():
        raise InputError(
            f"{path}: expected whole numbers as labels, found {values[broken][0]:g} and the like; save a mask, and "
            "without a slope in its header"
        )
    return sitk.Cast(label, sitk.sitkInt32)


def found_values(label: sitk.Image) -> dict[int, int]:
    """Return how many voxels have each value."""
    values, counts = np.unique(sitk.GetArrayViewFromImage(label), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def require_values(path: Path, found: Sequence[int], known: Sequence[int]) -> None:
    """Raise an `InputError` for values of a label file that stand for no class."""
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise InputError(
            f"{path}: expected the labels {', '.join(map(str, known))}, found {', '.join(map(str, unknown))} too; "
            "mend the file, or say what it is (`labels` in dataset.json)"
        )


def to_classes(label: sitk.Image, values: Sequence[int]) -> sitk.Image:
    """Return a label map of values as one of classes."""
    return _like(label, classes_of(sitk.GetArrayViewFromImage(label), values))


def classes_of(array: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Return the place of each voxel's value, which must be there, among ``values``: its class, uint8.

    >>> classes_of(np.array([0, 255, 85]), [0, 85, 255]).tolist()
    [0, 2, 1]
    """
    order = np.argsort(values)
    return order[np.searchsorted(np.asarray(values)[order], array)].astype(np.uint8)


def to_values(mask: sitk.Image, values: Sequence[int]) -> sitk.Image:
    """Return a mask of classes with their values in the label files: uint8 where they are from 0 to 255, else int32."""
    kind = np.uint8 if min(values) >= 0 and max(values) <= np.iinfo(np.uint8).max else np.int32
    return _like(mask, np.asarray(values, kind)[sitk.GetArrayViewFromImage(mask)])


def _like(image: sitk.Image, array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image)
    return made
