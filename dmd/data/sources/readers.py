"""What a data set's module in dmd/data/sources offers, and how it is found by name."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from dmd.data.hdf5 import read_array, reading
from dmd.data.intensity import rule
from dmd.data.own import Own
from dmd.errors import InputError
from dmd.planning.config import Dataset

READS = ("LAYOUT", "cases", "read")
DOWNLOADS = (*READS, "path", "public_name")
PREPARES = ("normalise",)


class Reader(Protocol):
    """A module that reads a data set, whose functions have no ``self``, or `dmd.data.sources.folder.Folder`.

    ``LAYOUT`` says what a user must put where. ``path`` and ``public_name`` are needed for data sets that can be
    downloaded, ``path`` also where a raw file that has changed is to be noticed (``files`` where a case has several),
    ``normalise`` to segment scans that belong to no data set, ``own`` where scores are measured on the scan's own grid.
    """

    LAYOUT: str

    def cases(self, patient: str) -> list[str]:
        """Return the names of the patient's cases, in order."""

    def read(self, folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
        """Return image float32 and label uint8 of a case."""

    def path(self, folder: Path, case: str) -> Path:
        """Return the file of a case."""

    def files(self, folder: Path, case: str) -> list[Path]:
        """Return the files of a case."""

    def own(self, folder: Path, case: str) -> Own | None:
        """Return the label of a test case on the grid of its scan."""

    def public_name(self, case: str) -> str:
        """Return the name of a case in the public archive."""

    def normalise(self, image: np.ndarray) -> np.ndarray:
        """Return a whole scan with the intensities that `read` gives those of the data set."""


def find_reader(name: str, members: tuple[str, ...] = READS) -> Reader:
    """Import ``dmd/data/sources/<name>.py`` and check that it has the ``members``.

    Raises
    ------
    InputError
        There is no such module, or it lacks a member.
    """
    try:
        module = importlib.import_module(f"dmd.data.sources.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"dmd.data.sources.{name}":
            raise
        raise InputError(f"expected a reader at dmd/data/sources/{name}.py, found none; see datasets.yaml") from None
    lacking = [member for member in members if not hasattr(module, member)]
    if lacking:
        raise InputError(f"expected {', '.join(members)} in dmd/data/sources/{name}.py, found no {', '.join(lacking)}")
    return module


def normaliser(dataset: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives a whole scan the intensities that `Reader.read` gives those of the data set."""
    if dataset.intensities is None:
        return find_reader(dataset.reader, PREPARES).normalise
    return rule(dataset.intensities, dataset.window)


def read_volume(path: Path, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the arrays ``image`` and ``label`` of a public HDF5 file.

    Raises
    ------
    InputError
        The file is missing (the message repeats ``layout``), unreadable, or lacks one of the arrays.
    """
    if not path.is_file():
        raise InputError(f"expected the file {path}, found none.\n{layout}")
    with reading(
        path, "the arrays 'image' and 'label'", f"replace it by a fresh copy.\n{layout}", sealed=False
    ) as file:
        image, found = np.asarray(read_array(file, "image"), np.float32), read_array(file, "label")
    label = found.astype(np.uint8)
    if not np.array_equal(label, found):
        raise InputError(
            f"{path}: expected whole labels from 0 to 255, found {found.dtype} {found.min()} to {found.max()}"
        )
    return image, label
