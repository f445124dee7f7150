"""One line about long work: a bar that is drawn anew on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

BAR = 24  # columns


class Progress:
    """Reports on ``total`` steps of which ``done`` lie behind; ``every`` is the pause between lines in seconds."""

    def __init__(self, name: str, total: int, done: int = 0, every: float = 10.0) -> None:
        self.name, self.total, self.first = name, total, done
        self.terminal = sys.stderr.isatty()
        self.every = 0.2 if self.terminal else every
        self.started = self.last = time.monotonic()

    def report(self, done: int, values: dict[str, float] | None = None) -> None:
        """Say how far the work is, if a line is due."""
        now = time.monotonic()
        if now - self.last < self.every and done < self.total:
            return
        self.last = now
        rate = (done - self.first) / max(now - self.started, 1e-9)
        left = clock((self.total - done) / rate) if rate > 0 else "?"
        shown = [f"{done}/{self.total}", f"{rate:.2f}/s", f"{left} left"]
        shown += [f"{name} {value:.4f}" for name, value in (values or {}).items()]
        if not self.terminal:
            print("  ".join([self.name, *shown]), file=sys.stderr, flush=True)
            return
        filled = BAR * done // self.total
        line = "  ".join([self.name, f"[{'#' * filled:.<{BAR}}]", *shown])
        # A line that wraps could not be taken back. Some terminals say that they have no columns.
        line = line[: (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1]
        print(f"\r\x1b[K{line}", end="\n" if done == self.total else "", file=sys.stderr, flush=True)


def track(name: str, work: Sequence[Item]) -> Iterator[Item]:
    """Yield the items of ``work`` and report on each that is done."""
    progress = Progress(name, len(work))
    for done, item in enumerate(work, 1):
        yield item
        progress.report(done)


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    >>> clock(3723)
    '1:02:03'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
