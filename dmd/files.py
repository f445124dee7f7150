"""Files that people may have edited, and files that are never half written: write aside, flush, rename; a lock."""

import errno
import glob
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dmd.errors import InputError

# A disk that is full, over quota or not to be written to.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)

ALLOW = "have whoever owns it allow that, as with `chmod`"  # what to do where one may not


def read_text(path: Path, what: str) -> str:
    """Return the text of a file that people may have edited; ``what`` says in messages which file is meant.

    Raises
    ------
    InputError
        There is none, a folder stands in its place, one may not read it, or it is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"expected {what} at {path}, found no file") from None
    except IsADirectoryError:
        raise InputError(f"expected {what} at {path}, found a folder") from None
    except PermissionError:
        raise InputError(f"expected {what} at {path}, found a file that you may not read; {ALLOW}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"expected {what} in UTF-8 at {path}: {error}; save it as UTF-8") from None


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_unreadable(path: str | None) -> bool:
    """Say whether something is there that this user may not read."""
    return path is not None and os.access(path, os.F_OK) and not os.access(path, os.R_OK)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes the place of ``path``.

    The new content is flushed to disk before the rename and the folder after it, so that a reader,
    or a machine that loses power, sees the previous file or the new one and nothing between. On any
    error (a full disk, an exception in the block) the temporary file goes and ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path)
    aside = path.with_name(f".{path.name}.{os.uname().nodename}-{os.getpid()}.part")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails does not say where
        raise
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def clear_leftovers(path: Path) -> None:
    """Delete what processes of this machine that were killed had half written of a file."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{glob.escape(os.uname().nodename)}-*.part"):
        process = leftover.name.removesuffix(".part").rpartition("-")[2]
        if process.isdecimal() and not process_lives(int(process)):
            leftover.unlink(missing_ok=True)


def process_lives(process: int) -> bool:
    """Say whether there is a process of this number on this machine, whoever's it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8 through `replacing`."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON through `replacing`."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a lock that one process at a time has; a file system that has no locks gives it to all.

    Whoever may write to the folder may lock: the file is made for all users to write, whatever the umask.
    """
    from filelock import FileLock  # 30 ms of import

    with ExitStack() as held:
        try:
            # The library's own way out, a file that is there while the lock is held, outlives a process that is killed.
            held.enter_context(FileLock(path, mode=0o666, fallback_to_soft=False))
        except PermissionError:
            raise  # a folder of somebody else
        except OSError:
            pass
        yield
