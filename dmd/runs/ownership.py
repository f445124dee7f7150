"""A run belongs to one job at a time: a file in its folder that beats while its owner lives.

A second job judges by whether the file changes while its own clock runs, so clocks of different nodes are never
compared. It waits while the file changes, and takes the run over once the owner has been silent for three beats.
"""

import errno
import getpass
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dmd.errors import PassingError
from dmd.files import process_lives

BEAT = 10.0  # seconds between two beats; enough for a slow file server, little beside a training
MISSED = 3  # beats after which an owner counts as dead


@contextmanager
def owned(path: Path, name: str, beat: float = BEAT, *, waits: bool = True) -> Iterator["Owner"]:
    """Own ``name`` for the length of the block, waiting for an owner that lives.

    Parameters
    ----------
    path : Path
        The file that says who owns; its folder exists and is shared by all who might.
    name : str
        What is owned, for messages on stderr.
    beat : float
        Seconds between two beats; the same for all who might own.
    waits : bool
        Whether an owner that lives is waited for, as by who goes on with its work; who would undo it must not.

    Raises
    ------
    PassingError
        An owner lives, and is not waited for.
    """
    owner = Owner(path, name, beat, waits=waits)
    try:
        yield owner
    finally:
        owner.release()


class Owner:
    """The file in our hands, and the thread that beats. Made by `owned`."""

    def __init__(self, path: Path, name: str, beat: float, *, waits: bool) -> None:
        self.path, self.name, self.beat = path, name, beat
        self.card = _card()
        self.lost = False
        # Written to in place and never opened by name again: once another has taken over, we beat into the old file.
        self.file = _claim(path, name, beat, waits)
        self.released = threading.Event()
        self._beat(0)
        self.thread = threading.Thread(target=self._keep_beating, name="owner", daemon=True)
        self.thread.start()

    def require(self) -> None:
        """Raise a `PassingError` if another job has taken over, as it may when this process was stopped for long."""
        if time.monotonic() - self.beaten > 2 * self.beat:
            self.lost = self.lost or not self._is_ours()
        if self.lost:
            raise PassingError(
                f"{self.name}: this process was silent for so long that {describe(_read(self.path))} has taken the run "
                "over; it goes on there from the last saved state, and nothing is lost"
            )

    def release(self) -> None:
        """Stop beating and make room for the next."""
        self.released.set()
        self.thread.join()
        with suppress(OSError):
            if not self.lost and self._is_ours():
                self.path.unlink()
        os.close(self.file)

    def _keep_beating(self) -> None:
        count = 0
        while not self.released.wait(self.beat):
            count += 1
            self._beat(count)
            self.lost = self.lost or not self._is_ours()

    def _beat(self, count: int) -> None:
        with suppress(OSError):  # a disk that is full or away for a while; the training decides what that means
            # As many digits every time: the file never grows, so a disk that fills up cannot tear it.
            os.pwrite(self.file, json.dumps(self.card | {"beats": f"{count:09}"}).encode(), 0)
            os.fsync(self.file)
        self.beaten = time.monotonic()

    def _is_ours(self) -> bool:
        """Say whether the file by our name is still ours; for a moment it may be away, see `_bury`."""
        for _ in range(2):
            try:
                content = _read(self.path)
            except OSError:
                return True  # nobody can take over a file that nobody can read
            if content is not None:
                return not content or self.card["token"].encode() in content
            time.sleep(0.1)
        return False


def alive(path: Path) -> bool:
    """Say whether an owner's file has beaten lately, at a single look and without waiting.

    For people to read: the time of the file is compared with this machine's clock, which an owner on another node need
    not share. Who is to own is decided by `owned` alone.
    """
    try:
        with path.open("rb") as file:  # opened anew, as network file systems want it
            content, beaten = file.read(), os.fstat(file.fileno()).st_mtime
    except OSError:
        return False
    return time.time() - beaten < MISSED * BEAT and not _process_ended(content)


def describe(content: bytes | None) -> str:
    """Say who an owner's file speaks of, e.g. ``job 17 of alice on node3 (process 4711)``."""
    card = _parse(content)
    if not card:
        return "another process"
    what = f"job {card['job']}" if card["job"] else "a process"
    return f"{what} of {card['user']} on {card['host']} (process {card['pid']})"


def _parse(content: bytes | None) -> dict[str, Any]:
    """Return what an owner's file says: nothing where it is torn, as after a loss of power."""
    try:
        card = json.loads(content or b"{}")
    except ValueError:
        return {}
    return card if isinstance(card, dict) and _card().keys() <= card.keys() else {}


def _card() -> dict[str, Any]:
    return {
        "host": os.uname().nodename,
        "user": _user(),
        "pid": os.getpid(),
        "job": os.environ.get("SLURM_JOB_ID"),
        "machine": _machine(),
        "token": uuid.uuid4().hex,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())


def _machine() -> str:
    """Name this boot of this machine and this space of process numbers; a process number means nothing outside."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return uuid.uuid4().hex


def _claim(path: Path, name: str, beat: float, waits: bool) -> int:
    """Make the file and return it open; wait, or give up, while another's beats."""
    seen, since, told = None, time.monotonic(), None
    while True:
        if waits or seen is None:
            with suppress(FileExistsError):
                return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        content = _read(path)
        if not waits and seen not in (None, content):  # it beats, or has ended its work meanwhile
            raise PassingError(
                f"{name}: expected no job that works on this run, found {describe(content or seen)}; stop it or let it "
                "end, and repeat"
            )
        if content is None:
            continue
        if content != seen:
            seen, since = content, time.monotonic()
        if _process_ended(content) or time.monotonic() - since > MISSED * beat:
            print(f"{name}: {describe(content)} has ended without a word; going on in its place", file=sys.stderr)
            _bury(path, content)
            seen = None
            continue
        if content and told != describe(content):
            told = describe(content)
            print(f"{name}: waiting for {told}, which works on the same run", file=sys.stderr, flush=True)
        time.sleep(min(1.0, beat / 10))


def _process_ended(content: bytes) -> bool:
    """Say whether the owner was a process of this very machine and is no more: no need to wait for missed beats."""
    card = _parse(content)
    return card.get("machine") == _machine() and not process_lives(card["pid"])


def _bury(path: Path, content: bytes) -> None:
    """Take away the file of a dead owner, unless another did so first: then what stands there now goes back.

    It does not go back over the file of a third, who claimed meanwhile: who was taken away finds out and leaves.
    """
    grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    with suppress(FileNotFoundError):
        path.rename(grave)
        if _read(grave) != content:
            with suppress(OSError):
                os.link(grave, path)
        grave.unlink()


def _read(path: Path) -> bytes | None:
    """Return the file's content, ``None`` where there is none; opened anew, as network file systems want it."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ESTALE):
            return None
        raise
