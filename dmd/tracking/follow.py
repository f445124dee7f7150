"""Follow a run while it trains: a process beside the training sends what is saved to MLflow now and then."""

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import psutil

from dmd.errors import InputError
from dmd.files import locked
from dmd.planning.address import public
from dmd.runs.folder import RunFolder
from dmd.tracking.mirror import Mirror
from dmd.tracking.record import read_progress
from dmd.tracking.server import brief, make_server, may_send, say
from dmd.tracking.usage import Usage


def follow(
    run: RunFolder, uri: str, artefacts: list[str], methods: Sequence[str], facts: dict[str, Any], every: float
) -> None:
    """Be the process beside a training: its parent writes to our standard input how much of the history is saved.

    The input ends when the training does, however it ends; then there is one last pass. Signals do not matter.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1):  # SLURM sends them to every process of a job
        signal.signal(number, signal.SIG_IGN)
    with suppress(InputError):  # said by whoever sends
        make_server(uri)
    process = facts.get("process")
    if process != os.getppid():  # it has died meanwhile, and the parent is whoever takes orphans
        process = None
    Follower(run, uri, artefacts, methods, facts | _started(process), process).follow(saves(0, every))


def _started(process: int | None) -> dict[str, int]:
    """Say when the training started, which is seconds before we can ask."""
    with suppress(psutil.Error):
        return {"started": round(psutil.Process(process).create_time() * 1000)} if process else {}
    return {}


def saves(descriptor: int, every: float) -> Iterator[tuple[int, bool]]:
    """Yield the latest number on the pipe and whether the pipe has ended: at once, then every ``every`` seconds.

    Nothing is yielded before the first number: a training that waits, or is refused, has nothing to show.
    """
    unread, size, over, due = b"", None, False, 0.0
    while not over:
        wait = None if size is None else max(due - time.monotonic(), 0)
        if select.select([descriptor], [], [], wait)[0]:
            said = os.read(descriptor, 65536)
            *numbers, unread = (unread + said).split(b"\n")
            size, over = int(numbers[-1]) if numbers else size, not said
        if size is not None and (over or time.monotonic() >= due):
            yield size, over
            due = time.monotonic() + every


class Follower:
    """Sends and remembers; an error is said once and tried again in the next pass, never raised.

    Parameters
    ----------
    run, uri, artefacts, methods
        As in `track_run`.
    facts : dict
        As in `read_progress`.
    process : int, optional
        Id of the training, whose use of the machine is noted.
    """

    def __init__(
        self,
        run: RunFolder,
        uri: str,
        artefacts: list[str],
        methods: Sequence[str],
        facts: dict[str, Any],
        process: int | None = None,
    ) -> None:
        self.run, self.uri, self.artefacts, self.methods = run, uri, artefacts, methods
        self.facts, self.process = facts, process
        self.sends = may_send(uri)
        self.usage: Usage | None = None
        self.mirror: Mirror | None = None
        self.fault = ""

    def follow(self, saved: Iterable[tuple[int, bool]]) -> None:
        """Go over the sizes of the history that are saved, each with whether the training is over."""
        if not self.sends:
            say(
                self.run.id,
                "MLflow shows this run when the `snakemake` that submitted it ends, not while it trains: jobs of a "
                f"cluster do not write to {self.uri}. A server shows it at once, see docs/tracking.md",
            )
        for size, over in saved:
            try:
                self._look(over)
                self._send(size, over)
                self._report("")
            except Exception as error:  # whatever it is, it must not end the following
                self.mirror = None  # what arrived is asked for anew
                self._report(brief(error))

    def _look(self, over: bool) -> None:
        if self.process is None or over:
            return
        try:
            self.usage = self.usage or Usage(self.run, self.process)
            self.usage.look()
        except psutil.Error:
            self.process = None
        except OSError:
            pass  # a full disk; the training itself has more to say about it

    def _send(self, size: int, over: bool) -> None:
        if not self.sends:
            return
        content = read_progress(self.run, size, self.facts)
        with locked(self.run.tracking_lock):
            if self.mirror is None:
                self.mirror = Mirror(self.uri, self.run.id, content, self.artefacts, self.methods)
                if not over:
                    self.mirror.show("RUNNING")
            self.mirror.send(content)
            if over and not self.run.weights.exists():
                self.mirror.show("KILLED")
            if self.mirror.is_richer:  # until this training has more to show, or something else
                self.mirror = None

    def _report(self, fault: str) -> None:
        if fault and fault != self.fault:
            say(
                self.run.id,
                f"MLflow does not follow ({public(self.uri)}): {fault}. The training does not wait for it; "
                "what is missing is sent later",
            )
        elif self.fault and not fault:
            say(self.run.id, "MLflow follows again")
        self.fault = fault
