"""HDF5 files that are written whole or not at all, even on a full disk."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from dmd.errors import InputError
from dmd.files import DISK, replacing

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def creating(path: Path) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that takes the place of ``path`` once it is complete.

    Raises
    ------
    InputError
        ``path`` cannot be written; it stays as it was. A disk that is full raises `OSError`, as everywhere.
    """
    try:
        with replacing(path) as aside, _Disk(aside, "w+") as disk:
            with h5py.File(disk, "w") as file:
                yield file
            if disk.error:
                raise disk.error
    except OSError as error:
        if error.errno in DISK:
            raise
        raise InputError(
            f"could not write {path}: {error.strerror or error}; make room or choose another disk, and repeat"
        ) from error


class _Disk(io.FileIO):
    """A file that remembers its first error and from then on forgets what it is given.

    The HDF5 library crashes the process when its last writes fail while it closes a file; here they never do.
    """

    error: OSError | None = None

    def write(self, content: "ReadableBuffer", /) -> int:
        rest = whole = memoryview(content)
        while rest and not self.error:
            with self._remembering():
                rest = rest[super().write(rest) :]
        return len(whole)

    def truncate(self, size: int | None = None) -> int:
        with self._remembering():
            super().truncate(size)
        return size or 0

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
