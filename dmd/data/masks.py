"""Masks of scans that were made elsewhere, by the names of their cases: a folder of files, or one HDF5 file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses
from nibabel.spatialimages import SpatialImage

from dmd.data.hdf5 import read_array, reading
from dmd.data.scan import MASKS, NIFTI
from dmd.data.unreadable import UNREADABLE, reason
from dmd.errors import InputError

PREDICTIONS = "predictions.h5"
LISTED = 5  # names in a message


def find_masks(place: Path, names: Sequence[str], dimensions: int) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield the array of each case in the axes of a store, and the file that it is from.

    The first axis of a NIfTI, NRRD or MHA file is X, the last Z. What its header says of place and direction is not
    asked: the arrays of the data sets have none.

    Parameters
    ----------
    place : Path
        A folder of ``<case>.nii.gz``, ``.nii``, ``.nrrd`` or ``.mha``, whose other files do not count; or an HDF5 file
        with an array per case in the axes of the store, as the ``predictions.h5`` of a run; or a folder with one.
    names : sequence of str
        The cases, each of which has a mask.
    dimensions : int
        2 where the store has stacks of slices.

    Raises
    ------
    InputError
        A case has no mask or two, a mask no case, or one cannot be read.
    """
    if not place.exists():
        raise InputError(f"expected masks of the test cases at {place}, found nothing there")
    if place.is_dir() and not (place / PREDICTIONS).is_file():
        yield from _of_folder(place, names, dimensions)
    else:
        yield from _of_file(place / PREDICTIONS if place.is_dir() else place, names)


def _of_file(path: Path, names: Sequence[str]) -> Iterator[tuple[Path, np.ndarray]]:
    with reading(path, "an array per test case", "give a whole HDF5 file, or a folder of masks", sealed=False) as file:
        _require_names(path, names, list(file))
        for name in names:
            yield path, read_array(file, name)


def _of_folder(folder: Path, names: Sequence[str], dimensions: int) -> Iterator[tuple[Path, np.ndarray]]:
    named: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        ending = next((ending for ending in MASKS if path.name.lower().endswith(ending)), None)
        if ending and not path.name.startswith("."):
            named.setdefault(path.name[: -len(ending)], []).append(path)
    for name, paths in named.items():
        if len(paths) > 1:
            raise InputError(
                f"{folder}: expected one mask of case '{name}', found {' and '.join(path.name for path in paths)}"
            )
    _require_names(folder, names, list(named))
    for case in names:
        (path,) = named[case]
        array = _read(path)
        yield path, array if dimensions == 3 else array.T


def _read(path: Path) -> np.ndarray:
    """Return the voxels of a file, its axes in their order; SimpleITK would read a NaN of a NIfTI as 0."""
    try:
        if path.name.lower().endswith(NIFTI):
            found = np.asanyarray(cast(SpatialImage, nibabel.load(path)).dataobj)
        else:
            found = sitk.GetArrayFromImage(sitk.ReadImage(path)).T
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as a mask: {reason(error)}") from None
    if found.dtype.kind not in "biuf":
        raise InputError(f"{path}: expected a label map of whole numbers, found {found.dtype}")
    return found


def _require_names(place: Path, wanted: Sequence[str], found: Sequence[str]) -> None:
    missing, unknown = [name for name in wanted if name not in found], [name for name in found if name not in wanted]
    said = [f"none of {_listed(missing)}"] if missing else []
    said += [f"what is no test case: {_listed(unknown)}"] if unknown else []
    if said:
        raise InputError(
            f"{place}: expected one mask of each of the {len(wanted)} test cases, named by its case as {wanted[0]}"
            f"{MASKS[0]}, found {'; and '.join(said)}"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
