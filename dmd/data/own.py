"""The grid of a scan itself, where a test of it is scored: a reference label map, and how a store holds it."""

from dataclasses import dataclass

import h5py
import numpy as np

from dmd.data.hdf5 import read_array

NAME = "own_label"


@dataclass(frozen=True)
class Own:
    """The label map of a scan as its file has it.

    Attributes
    ----------
    label : np.ndarray
        uint8 ``(I, J, K)``, in the axes of the file.
    spacing_mm, origin_mm, direction : tuple of float
        As SimpleITK has them: 3, 3 and 9 numbers.
    """

    label: np.ndarray
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]


def write_own(group: h5py.Group, own: Own) -> None:
    """Write a label map with its geometry into the group of a case; compressed, as it may be large."""
    held = group.create_dataset(NAME, data=own.label, compression="gzip", compression_opts=1)
    held.attrs["geometry"] = np.array([*own.spacing_mm, *own.origin_mm, *own.direction], np.float64)


def read_own(group: h5py.Group) -> Own | None:
    """Return what `write_own` wrote, if it did."""
    if NAME not in group:
        return None
    numbers = tuple(group[NAME].attrs["geometry"].tolist())
    return Own(read_array(group, NAME), numbers[:3], numbers[3:6], numbers[6:])
