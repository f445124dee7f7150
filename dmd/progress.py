"""One line about long work: a bar that is drawn anew on a terminal, a line now and then elsewhere."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

FACTS = "{n_fmt}/{total_fmt}  {rate_fmt}  {remaining} left"
# What does not fit into the columns of a terminal is cut off at the end: long names and values, never the facts.
ON_TERMINAL = f"|{{bar:12}}|  {FACTS}  {{desc}}{{postfix}}"
IN_FILE = f"{{desc}}  {FACTS}{{postfix}}"


class _Bar(tqdm):  # type: ignore[type-arg]  # generic in its stubs alone
    monitor_interval = 0  # no thread beside the work
    disable: bool

    def refresh(self, nolock: bool = False, lock_args: Any = None) -> None:
        """Draw; tqdm's own keeps the lock where that fails, as on a full disk, and other threads then wait for ever."""
        with self.get_lock():
            self.display()


_Bar.set_lock(threading.RLock())  # tqdm's own is shared between processes


class _Lines(_Bar):
    """Writes a line below the last one, of any length."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        print(self.format_meter(**{**self.format_dict, "ncols": None}), file=self.fp, flush=True)

    def close(self) -> None:
        if not self.disable:
            self.refresh()
        self.disable = True


class Progress:
    """Reports on ``total`` steps of which ``done`` lie behind; ``every`` is the pause between lines in seconds."""

    def __init__(self, name: str, total: int, done: int = 0, every: float = 10.0) -> None:
        terminal = sys.stderr.isatty()
        # Some terminals say that they have no columns.
        columns = os.get_terminal_size(sys.stderr.fileno()).columns if terminal else 0
        self.bar = (_Bar if terminal else _Lines)(
            desc=name,
            total=total,
            initial=done,
            file=sys.stderr,
            mininterval=0.2 if terminal else every,
            miniters=1,
            delay=1e-9,  # nothing before the first step is done
            ncols=None if columns else 79,
            dynamic_ncols=bool(columns),
            bar_format=ON_TERMINAL if terminal else IN_FILE,
        )

    def report(self, done: int, values: dict[str, float] | None = None) -> None:
        """Say how far the work is, if a line is due."""
        said = ", ".join(f"{name} {value:.4f}" for name, value in (values or {}).items())
        self.bar.set_postfix_str(said, refresh=False)
        self.bar.update(done - self.bar.n)
        if done == self.bar.total:
            self.bar.close()


def track(name: str, work: Sequence[Item]) -> Iterator[Item]:
    """Yield the items of ``work`` and report on each that is done."""
    progress = Progress(name, len(work))
    for done, item in enumerate(work, 1):
        yield item
        progress.report(done)
