"""The training loop: the same for every method, resumable at any step, bit for bit on the CPU."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from dmd.data.batches import Batches
from dmd.data.store import digest, load_store
from dmd.devices import choose_device, memory_lacks_are_told, say_device
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.networks.exactness import require_exact
from dmd.networks.kernels import Kernels
from dmd.networks.passes import Passes
from dmd.planning.trainable import require_trainable
from dmd.runs.folder import RunFolder
from dmd.schedules import learning_rate
from dmd.training.attempt import Attempt
from dmd.training.ending import is_over
from dmd.training.selection import Selection, parts

NOISE = 2  # first entry of the seed of dropout and other noise; batches use 0 and 1


def train(
    run: RunFolder,
    store: Path,
    device: str = "auto",
    save_every: int = 100,
    saved: Callable[[int], None] = lambda size: None,
    note_every: int | None = None,
    *,
    kept: bool = False,
) -> None:
    """Train a run from its ``spec.json`` to its ``weights.pt``, going on from its state where there is one.

    While another job trains the run this one waits, and then finds the work done or goes on with it. A training that
    has ended is left as it is.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    store : Path
        The prepared data set; its identity must be the run's.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    save_every : int
        Steps between two saved states. SIGUSR1 saves at once; SIGTERM, SIGINT and SIGHUP save and leave with status
        128 plus their number.
    saved : callable
        As in `Attempt`.
    note_every : int, optional
        Steps between two transfers of loss terms from the device; by default 1 on a CPU, where they cost nothing, else
        20.
    kept : bool
        Whether an interrupted training goes on although the method's file has other statements than when it was begun,
        as the configuration says (`dmd.planning.config.Config.keep`).

    Raises
    ------
    InputError
        The spec, the store or the state is not this run's, the method was changed, or the device computes otherwise
        than the settings say.
    DivergedError
        A loss term or a weight became infinite or NaN: says which and when.
    """
    training, chosen = run.read_spec().training, choose_device(device)
    require_trainable(training, str(run.spec))
    print(f"{run.id}: trains on {say_device(chosen)}", file=sys.stderr)
    kernels = Kernels.from_settings(training)
    autocast = kernels.autocast(chosen)
    sizes = f"patch {training['patch']}, batch {training['batch']}, network {training['network']}"
    note_every = note_every or (1 if chosen.type == "cpu" else 20)
    with memory_lacks_are_told(f"{run.id}: {sizes}"), Attempt(run, save_every, note_every, saved) as attempt:
        if is_over(run):
            return
        kernels.use(chosen)
        require_exact(training, kernels, chosen)
        torch.manual_seed(training["seed"])
        build = Build.from_settings(training)
        method = kernels.placed(make(training["method"], build), chosen, training["dimensions"])
        kernels.compiled(method)
        method.start_training(training["optimiser"])
        data = load_store(store, training["dataset"], parts=["train", *parts(training)])
        labelled = data.labelled(training["labelled"], training.get("draw", 0))
        batches = Batches(data, training, method.extras(labelled))
        attempt.resume(method, chosen, digest(store), kept=kept)
        selection = Selection(training, data, chosen, attempt.state.best)

        passes = Passes(method, compiled=kernels.compile)
        method.train()
        for step, batch in batches.stream(attempt.state.step, training["iterations"], chosen):
            rate = learning_rate(training, build.clock(step))
            method.set_learning_rate(rate)
            torch.manual_seed(noise_seed(training["seed"], step))
            with passes:
                terms = method.train_step(batch, step, autocast)
            seen = selection.look(method, step + 1)
            attempt.note(step + 1, terms, {"learning_rate": rate, **seen})
            attempt.state.attempts[-1] |= passes.facts()  # in the state, from which `run.json` may be made again
            attempt.keep(selection.best)

        attempt.finish(selection.weights(method), selection.facts())


def noise_seed(seed: int, step: int) -> int:
    """Return the seed of everything random inside a step, as a function of the run's seed and the step."""
    return int(np.random.SeedSequence([seed, NOISE, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
