"""The training's side of being followed: start the process, tell it what is saved, never wait. No mlflow here."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from dmd.planning.address import database


@contextlib.contextmanager
def followed(run: Path, uri: str, *options: str) -> Iterator[Callable[[int], None]]:
    """Start ``dmd step follow`` for a training and yield the function that tells it the size of the saved history.

    The process has a group of its own, so that Ctrl-C does not reach it, and ends when the pipe to it does: when the
    training ends, in whatever way.

    Raises
    ------
    InputError
        The kind of store is not supported. Nothing else is ever raised.
    """
    database(uri)
    command = [sys.executable, "-m", "dmd", "step", "follow", str(run), "--uri", uri, *options]
    try:
        # Not a session of its own: Linux may share the processor between sessions, whatever their niceness.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0, bufsize=0
        )
    except OSError as error:
        print(f"{run.name}: not followed in MLflow while it trains: {error}", file=sys.stderr)
        yield lambda size: None
        return
    pipe = process.stdin
    assert pipe is not None  # asked for above
    os.set_blocking(pipe.fileno(), False)

    def tell(size: int) -> None:
        with contextlib.suppress(OSError):  # a process that is gone, or has not read for thousands of saves
            pipe.write(f"{size}\n".encode())

    try:
        yield tell
    finally:
        with contextlib.suppress(OSError):
            pipe.close()
