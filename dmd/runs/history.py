"""The history of a run: a history that grows while it trains, a table when it is done.

One JSON line per step: ``{"step": 1, "time": 1700000000000, "values": {"loss": ..., "learning_rate": ...}}``, the
time in milliseconds since 1970. Times stay in the history: the table of a run that was killed and went on
equals, byte for byte, the table of one that never stopped.
"""

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from dmd.errors import InputError
from dmd.files import replacing, write_text

CHOSEN_BY = ("validation_dice", "oracle_dice")  # what weights are chosen by, where a run looks
BESIDE = ("step", "loss", "learning_rate", *CHOSEN_BY)  # columns beside the loss terms, which have other names


def loss_terms(columns: Iterable[str]) -> list[str]:
    """Return the loss and its terms among the columns of a history.

    >>> loss_terms(["step", "loss", "dice", "learning_rate", "validation_dice"])
    ['loss', 'dice']
    """
    return [name for name in columns if name == "loss" or name not in BESIDE]


def require_names(names: Iterable[str]) -> None:
    """Raise an `InputError` for a loss term that is called as a column beside the terms: it would take its place."""
    if taken := [name for name in names if name in BESIDE]:
        raise InputError(
            f"expected loss terms with names of their own, found {', '.join(taken)}: the history has "
            f"{', '.join(BESIDE)} beside them. Call it otherwise where `losses` returns it"
        )


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class History:
    """Appends steps to a file that was first cut back to the ``size`` in bytes of the last saved state.

    The part that stays is copied to a new file, which takes the place of the old: a process that slept while its run
    was taken over goes on writing where nobody reads, and the old file may be another user's.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        with replacing(path) as aside:
            self.file = aside.open("wb")
            self.file.write(_head(path, size))
            self.file.flush()

    def __enter__(self) -> "History":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def append(self, step: int, values: dict[str, float], at: int | None = None) -> str:
        """Write and return one line for the step, counted from 1; ``at`` is when it was done, by default now."""
        line = json.dumps({"step": step, "time": now() if at is None else at, "values": values}) + "\n"
        self.file.write(line.encode())
        self.file.flush()
        return line

    def commit(self) -> int:
        """Force all lines to disk and return the size of the file in bytes."""
        self.file.flush()
        os.fsync(self.file.fileno())
        return os.fstat(self.file.fileno()).st_size


def _head(path: Path, size: int) -> bytes:
    if not size:
        return b""
    with path.open("rb") as file:
        return file.read(size)


def read_steps(path: Path, size: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the steps of a history, or of its first ``size`` bytes, without a last line that is being written.

    Lines that are torn are left out; a training that goes on has them from its state.
    """
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and (size is None or file.tell() <= size):
                yield from _steps([line])


def last_steps(path: Path, size: int = 2**15) -> list[dict[str, Any]]:
    """Return the steps in about the last ``size`` bytes of a history; none where there is no history."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - size)
            file.seek(start)
            whole = file.read().split(b"\n")[bool(start) : -1]
    except FileNotFoundError:
        return []
    return list(_steps(whole))


def _steps(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and isinstance(found.get("values"), dict) and {"step", "time"} <= found.keys():
                yield found


def write_table(history: Path, table: Path) -> None:
    """Turn a history into a CSV table with one line per step and one column per value, empty where it has none."""
    names = dict.fromkeys(name for line in read_steps(history) for name in line["values"])
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=["step", *names], lineterminator="\n")
    writer.writeheader()
    for line in read_steps(history):
        writer.writerow({"step": line["step"]} | {name: repr(value) for name, value in line["values"].items()})
    write_text(table, text.getvalue())
