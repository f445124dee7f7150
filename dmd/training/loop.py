"""The training loop: the same for every method, resumable at any step, bit for bit on the CPU."""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dmd.data.batches import Batches
from dmd.data.store import digest, load_store
from dmd.devices import channels_last, check_precision, choose_device, peak_memory_mb, provenance
from dmd.files import write_json
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.progress import Progress
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, write_table
from dmd.runs.ownership import Owner, owned
from dmd.runs.state import State, load_state, save_state
from dmd.runs.tensors import save_tensors
from dmd.schedules import learning_rate
from dmd.training import selection, snapshots
from dmd.training.selection import Selection

NOISE = 2  # first entry of the seed of dropout and other noise; batches use 0 and 1


class DivergedError(RuntimeError):
    """A loss term or a weight is not finite; the last good state is kept."""


def train(
    run: RunFolder,
    store: Path,
    device: str = "auto",
    save_every: int = 100,
    saved: Callable[[int], None] = lambda size: None,
) -> None:
    """Train a run from its ``spec.json`` to its ``weights.pt``, going on from its state where there is one.

    While another job trains the run this one waits, and then finds the work done or goes on with it.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    store : Path
        The prepared data set; its identity must be the spec's.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    save_every : int
        Steps between two saved states. SIGUSR1 saves at once; SIGTERM saves and exits with status 143.
    saved : callable
        Told the size in bytes of the history that belongs to the state, at the start and whenever that was saved.

    Raises
    ------
    InputError
        The spec, the store or the state is not this run's.
    DivergedError
        A loss term or a weight became infinite or NaN: says which and when.
    """
    spec = run.read_spec()
    with owned(run.owner, run.id) as owner:
        run.clear_leftovers()
        _train(run, spec, store, device, save_every, saved, owner)


def _train(
    run: RunFolder,
    spec: dict[str, Any],
    store: Path,
    device: str,
    save_every: int,
    saved: Callable[[int], None],
    owner: Owner,
) -> None:
    chosen = choose_device(device)
    check_precision(chosen, spec["precision"], spec["patch"])
    build = Build.from_spec(spec)
    torch.manual_seed(spec["seed"])
    method = make(spec["method"], build).to(chosen, memory_format=channels_last(spec["dimensions"]))
    method.start_training(spec["optimiser"])
    data = load_store(store, spec["dataset"], parts=["train", *selection.parts(spec)])
    trained_on = {"data_sha256": digest(store)}
    batches = Batches(data, spec, method.companions(data.labelled(spec["labelled"])), method.targets)
    state = _resume(run, method, chosen)
    chooser = Selection(spec, data, chosen, state.best)

    method.train()
    owner.require()
    with History(run.history, state.history_size) as history, _signals() as received:
        progress = Progress(run.id, spec["iterations"], state.step)
        started = time.monotonic() - state.seconds
        saved(state.history_size)
        for step, batch in batches.stream(state.step, spec["iterations"], chosen):
            rate = learning_rate(
                spec["schedule"], spec["optimiser"]["lr"], build.clock(step), spec["reference_iterations"]
            )
            method.set_learning_rate(rate)
            torch.manual_seed(noise_seed(spec["seed"], step))
            with torch.autocast(chosen.type, torch.bfloat16, enabled=spec["precision"] == "bf16"):
                terms = _values(method.train_step(batch, step))
            _require_finite(run, terms, step)
            seen = chooser.look(method, step + 1)
            owner.require()
            history.append(step + 1, {"loss": sum(terms.values()), **terms, "learning_rate": rate, **seen})
            progress.report(step + 1, terms)

            state.step, state.seconds = step + 1, time.monotonic() - started
            asked = received.copy()
            received -= asked
            due = asked or state.step % save_every == 0 or state.step == spec["iterations"]
            if due or state.step in snapshots.steps(spec["iterations"]):
                _require_finite_weights(run, method, state.step)
            snapshots.keep(run, method, state.step, spec["iterations"])
            if due:
                state.history_size, state.training, state.best = history.commit(), method.training_state(), chooser.best
                owner.require()
                save_state(run.state, state)
                saved(state.history_size)
            if signal.SIGTERM in asked:
                print(f"{run.id}: stopped by SIGTERM, saved at step {state.step}", file=sys.stderr)
                raise SystemExit(128 + signal.SIGTERM)
    owner.require()
    _finish(run, chooser.weights(method), chooser.facts() | trained_on, state, chosen)


def noise_seed(seed: int, step: int) -> int:
    """Return the seed of everything random inside a step, as a function of the run's seed and the step."""
    return int(np.random.SeedSequence([seed, NOISE, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _resume(run: RunFolder, method: Method, device: torch.device) -> State:
    state = load_state(run.state, run.id, run.history, device)
    if state is None:
        return State(run=run.id, step=0, history_size=0, seconds=0.0, attempts=1, training={})
    method.load_training_state(state.training)
    state.attempts += 1
    print(f"{run.id}: going on from step {state.step}", file=sys.stderr)
    return state


def _values(terms: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return the terms as numbers with one transfer from the device."""
    return dict(zip(terms, torch.stack(list(terms.values())).float().tolist(), strict=True))


def _require_finite(run: RunFolder, terms: dict[str, float], step: int) -> None:
    bad = {name: value for name, value in terms.items() if not math.isfinite(value)}
    if bad:
        raise DivergedError(
            f"{run.id}: at step {step + 1} the loss terms {bad} are not finite (all terms: {terms}). "
            f"{run.state} keeps the last good state; lower the learning rate or the weight of that term"
        )


def _require_finite_weights(run: RunFolder, method: Method, step: int) -> None:
    """Look at what the step's update made, before it is kept: the terms are those of the weights before it."""
    held = method.state_dict()
    bad = [name for name, tensor in held.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise DivergedError(
            f"{run.id}: after step {step} {len(bad)} of {len(held)} tensors are not finite, '{bad[0]}' first. "
            f"{run.state} keeps the last good state; lower the learning rate or the weight of a term"
        )


@contextmanager
def _signals() -> Iterator[set[int]]:
    """Collect SIGTERM and SIGUSR1 in a set instead of dying of them; only the main thread can."""
    received: set[int] = set()
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    caught = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, lambda number, _: received.add(number)) for number in caught}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(
    run: RunFolder, weights: dict[str, torch.Tensor], selected: dict[str, Any], state: State, device: torch.device
) -> None:
    save_tensors(run.weights, weights)
    write_table(run.history, run.history_table)
    facts = {
        "run": run.id,
        "steps": state.step,
        **selected,
        "attempts": state.attempts,
        "wall_seconds": round(state.seconds, 1),
        "seconds_per_step": round(state.seconds / state.step, 4),
        "peak_memory_mb": round(peak_memory_mb(device)),
        **provenance(device),
    }
    write_json(run.facts, facts)
