"""One process at work on a run: it owns the run, its state, its history and what signals ask of it."""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dmd.devices import peak_memory_mb
from dmd.errors import DivergedError
from dmd.files import write_text
from dmd.methods.base import Method
from dmd.progress import Progress
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, now, require_names
from dmd.runs.ownership import owned
from dmd.runs.sources import require_same_method
from dmd.runs.state import State, load_state, save_state
from dmd.training import ending, snapshots
from dmd.training.checkout import changes
from dmd.training.provenance import provenance

SAVE = (signal.SIGUSR1,)  # saves and goes on
LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # saves and leaves


@dataclass(frozen=True)
class Noted:
    """What a step came to, its loss terms still on the device."""

    step: int
    time: int
    names: tuple[str, ...]
    terms: Tensor
    values: dict[str, float]


class Attempt:
    """Owns a run while the ``with`` block lasts; waits while another process does.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    save_every : int
        Steps between two saved states.
    every : int
        Steps between two transfers of loss terms from the device; always before a state is saved.
    saved : callable
        Told the size in bytes of the history that belongs to the state, at the start and whenever that was saved.

    Attributes
    ----------
    state : State
        What the training goes on from, after `resume`.
    """

    state: State

    def __init__(self, run: RunFolder, save_every: int, every: int, saved: Callable[[int], None]) -> None:
        self.run, self.save_every, self.every, self.saved = run, save_every, every, saved
        self.training = run.read_spec().training
        self.pending: list[Noted] = []
        self.held = ExitStack()

    def __enter__(self) -> "Attempt":
        self.owner = self.held.enter_context(owned(self.run.owner, self.run.id))
        self.run.clear_leftovers()
        return self

    def __exit__(self, *error: object) -> None:
        self.held.close()

    def resume(self, method: Method, device: torch.device, data: str, *, kept: bool) -> None:
        """Take up the saved state, or begin one; from here on steps are noted and signals heeded.

        ``data`` is the digest of the voxels that the steps to come are trained on; ``kept`` as in
        `dmd.training.loop.train`.

        Raises
        ------
        InputError
            The method's file has other statements than when the steps of the state were made, and is not kept.
        """
        self.method, self.device = method, device
        found = load_state(self.run.state, self.run.id, device)
        if found and not kept:
            require_same_method(self.run, self.training["method"]["implementation"], found.attempts)
        self.state = found or State(
            self.run.id,
            step=0,
            history="",
            seconds=0.0,
            processor_seconds=0.0,
            peak_memory_mb=0,
            attempts=[],
            training={},
        )
        if found:
            method.load_training_state(found.training)
            print(f"{self.run.id}: going on from step {found.step}", file=sys.stderr)
        self.owner.require()
        if not self._ended():
            self._say_where_from(data)
        self.lines = [self.state.history]
        write_text(self.run.history, self.state.history)
        self.history = self.held.enter_context(History(self.run.history, len(self.state.history)))
        self.asked = self.held.enter_context(_signals())
        self.progress = Progress(self.run.id, self.training["iterations"], self.state.step)
        self.started = time.monotonic() - self.state.seconds
        self.processor_started = time.process_time() - self.state.processor_seconds
        self.saved(len(self.state.history))

    def note(self, step: int, terms: dict[str, Tensor], values: dict[str, float]) -> None:
        """Note what ``step`` steps came to: the loss terms, which stay on the device for a while, and further values.

        Raises
        ------
        InputError
            A term has the name of another column of the history.
        DivergedError
            A term of this step or of one noted before is infinite or NaN.
        """
        require_names(terms)
        self.pending.append(Noted(step, now(), tuple(terms), torch.stack([*terms.values()]).float(), values))
        self.state.step, self.state.seconds = step, time.monotonic() - self.started
        self.state.processor_seconds = time.process_time() - self.processor_started
        if len(self.pending) >= self.every:
            self._write_down()

    def keep(self, best: dict[str, Any] | None) -> None:
        """Save what is due after the step: a snapshot, the state; leave if a signal asked for that.

        Raises
        ------
        DivergedError
            A weight is infinite or NaN; what was saved before stays.
        """
        asked = set(self.asked)
        self.asked -= asked
        due = bool(asked) or self.state.step % self.save_every == 0 or self._ended()
        if due or self.state.step in snapshots.steps(self.training["iterations"]):
            self._write_down()
            self._require_finite_weights()
            snapshots.keep(self.run, self.method, self.state.step, self.training["iterations"])
        if due:
            self._save(best)
        for number in asked.intersection(LEAVE):
            name = signal.Signals(number).name
            print(f"{self.run.id}: stopped by {name}, saved at step {self.state.step}", file=sys.stderr)
            raise SystemExit(128 + number)

    def finish(self, weights: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Write what the training came to, see `dmd.training.ending`."""
        self.owner.require()
        ending.write(self.run, self.state, weights, facts)

    def _write_down(self) -> None:
        """Write what is noted into the history, with one transfer from the device."""
        noted, self.pending = self.pending, []
        self.owner.require()
        found = torch.cat([each.terms for each in noted]).tolist() if noted else []
        for each in noted:
            numbers = dict(zip(each.names, found, strict=False))
            del found[: len(numbers)]
            self._require_finite(numbers, each.step)
            values = {"loss": sum(numbers.values()), **numbers, **each.values}
            self.lines.append(self.history.append(each.step, values, each.time))
            self.progress.report(each.step, numbers)

    def _ended(self) -> bool:
        return bool(self.state.step == self.training["iterations"])

    def _say_where_from(self, data: str) -> None:
        """Note what this attempt is made by; what the code has beside its commit is kept as a patch."""
        number, patch = len(self.state.attempts) + 1, changes()
        made_by = provenance(self.device, self.training["method"]["implementation"]) | {"data_sha256": data}
        if patch:
            write_text(self.run.changes(number), patch)
        kept = self.run.changes(number).name if patch else None
        self.state.attempts.append({"first_step": self.state.step + 1, **made_by, "changes": kept})
        known = [each["changes"] for each in self.state.attempts]
        for path in self.run.path.glob("changes-*.patch"):
            if path.name not in known:  # of an attempt that was killed before it saved a step
                path.unlink()

    def _save(self, best: dict[str, Any] | None) -> None:
        size = self.history.commit()
        self.state.history = "".join(self.lines)
        self.lines = [self.state.history]
        self.state.peak_memory_mb = max(self.state.peak_memory_mb, peak_memory_mb(self.device))
        self.state.training, self.state.best = self.method.training_state(), best
        self.owner.require()
        save_state(self.run.state, self.state)
        self.saved(size)

    def _require_finite(self, terms: dict[str, float], step: int) -> None:
        bad = {name: value for name, value in terms.items() if not math.isfinite(value)}
        if bad:
            raise DivergedError(
                f"{self.run.id}: at step {step} the loss terms {bad} are not finite (all terms: {terms}). "
                f"{self._kept()}; lower the learning rate or the weight of that term"
            )

    def _require_finite_weights(self) -> None:
        """Look at what the step's update made, before it is kept: the terms are those of the weights before it."""
        held = {name: tensor for name, tensor in self.method.state_dict().items() if tensor.is_floating_point()}
        finite = torch.stack([tensor.isfinite().all() for tensor in held.values()]).tolist()
        bad = [name for name, is_finite in zip(held, finite, strict=True) if not is_finite]
        if bad:
            raise DivergedError(
                f"{self.run.id}: after step {self.state.step} {len(bad)} of {len(held)} tensors are not finite, "
                f"'{bad[0]}' first. {self._kept()}; lower the learning rate or the weight of a term"
            )

    def _kept(self) -> str:
        there = self.run.state.exists()
        return f"{self.run.state} keeps the last good state" if there else "No state was saved before"


@contextmanager
def _signals() -> Iterator[set[int]]:
    """Collect signals in a set instead of dying of them; only the main thread can. What is ignored stays so."""
    received: set[int] = set()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    caught = [number for number in (*SAVE, *LEAVE) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, _: received.add(number)) for number in caught}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
