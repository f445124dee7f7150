"""HDF5 files: opened to read without a lock, and written whole or not at all, even on a full disk.

What is written here begins with a seal, the SHA-256 of all that follows, in the room that HDF5 leaves to its users.
It is compared before the HDF5 library sees the file, which may crash or never return where a byte is another.
"""

import errno
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from dmd.errors import InputError
from dmd.files import DISK, replacing

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What the library and its readers meet in a file that is none of ours and not as it should be.
UNREADABLE = (OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)
# What says nothing of the content: one may not read it, or disk, server or machine do not give it now.
ELSEWHERE = (
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN),
    *(errno.ENOMEM, errno.EMFILE, errno.ENFILE),
)
ROOM = 512  # bytes, the least that HDF5 leaves


@contextmanager
def reading(path: Path, what: str, remedy: str, *, sealed: bool) -> Iterator[h5py.File]:
    """Yield an HDF5 file to read.

    Nothing is locked: files here are replaced, never changed, and some file systems of clusters refuse locks.

    Parameters
    ----------
    path : Path
        The file.
    what, remedy : str
        What it should hold and what to do where it does not, for the message.
    sealed : bool
        Whether it was made by `creating`; all of it is then read once more, for its seal.

    Raises
    ------
    InputError
        The file is missing, truncated or corrupt, or what is read from it in the block is not there.
    OSError, MemoryError
        It may be whole, and cannot be read here or now.
    """
    # A size that no seal vouches for may be wrong: then no memory holds the array.
    unreadable = UNREADABLE if sealed else (*UNREADABLE, MemoryError)
    try:
        if sealed:
            _require_seal(path)
        with h5py.File(path, locking=False) as file:
            yield file
    except unreadable as error:
        if isinstance(error, OSError) and error.errno in ELSEWHERE:
            raise
        reason = str(error) or repr(error)
        raise InputError(
            f"expected {what} in {path}, found a truncated or corrupt file ({reason}); {remedy}"
        ) from error


def read_array(group: h5py.Group, name: str) -> np.ndarray:
    """Return the array of real numbers that a group holds under a name.

    Raises
    ------
    KeyError, TypeError
        It holds nothing there, or a group, no number or no real ones; `reading` turns these into its message.
    """
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "biuf" or not found.size:
        raise TypeError(f"expected an array of numbers called '{name}', found {found}")
    values: np.ndarray = found[()]
    return values


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
            with h5py.File(disk, "w", userblock_size=ROOM) as file:
                yield file
            disk.seek(0)
            disk.write(_seal(aside))
            if disk.error:
                raise disk.error
    except OSError as error:
        if error.errno in DISK:
            raise
        raise InputError(
            f"could not write {path}: {error.strerror or error}; make room or choose another disk, and repeat"
        ) from error


def read_seal(path: Path) -> str:
    """Return the seal that stands in a file, whether or not it is that of the content: another one for other bytes."""
    with path.open("rb") as file:
        return file.read(ROOM).rstrip(b"\0").decode("ascii", "replace")


def _require_seal(path: Path) -> None:
    with path.open("rb") as file:
        found = file.read(ROOM)
    if found != _seal(path):
        raise ValueError("its seal is not that of its content")


def _seal(path: Path) -> bytes:
    """Return the SHA-256 of all that follows the room of the seal, and zeros that fill it."""
    with path.open("rb") as file:
        file.seek(ROOM)
        return hashlib.file_digest(file, "sha256").hexdigest().encode().ljust(ROOM, b"\0")


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
