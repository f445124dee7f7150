"""Time a DMD training step against the plain formulation that the field's scripts use.

    python benchmarks/step.py --store results/data/la-2x2x2.h5

Both sides train the same two V-Nets with the same loss on the shape of scale `half`, interleaved in one process. Plain
means: fp32, tensors in default memory order, and per sample and step one read of a gzip-compressed HDF5 file and numpy
augmentation of the whole volume. Ours is measured in both precisions. Each side also trains on one batch that is there
already, so that the ratio of the arithmetic alone is seen. Peak memory is measured in a process of its own for each
side.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch

from dmd.data.batches import Batch, Batches
from dmd.data.store import Store, load_store
from dmd.devices import channels_last
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels
from dmd.planning import config, plan, reading

CPU = torch.device("cpu")
SIDES = ("bf16", "fp32", "plain")
Step = Callable[[int], object]


class Side(NamedTuple):
    """A step with all that it takes, the preparation of its batch alone, and a step whose batch is there."""

    step: Step
    prepare: Step
    alone: Step


def settings() -> dict:
    """Return the training settings of the DMD run of Table 3 at scale `half`."""
    made = plan.make(config.check(reading.read()))
    (row,) = [row for row in made.artefacts["half/table3"].rows if row.method == "dmd"]
    return made.runs[row.runs[0]].spec.training


def method(training: dict) -> Method:
    torch.manual_seed(training["seed"])
    built = make(training["method"], Build.from_settings(training)).train()
    built.start_training(training["optimiser"])
    return built


def ours(training: dict, store: Store, precision: str) -> Side:
    """Return our side."""
    batches = Batches(store, training)
    built = method(training).to(memory_format=channels_last(training["dimensions"]))
    autocast = Kernels(precision).autocast(CPU)

    def train(step: int) -> None:
        for _, batch in batches.stream(step, step + 1, CPU):
            built.train_step(batch, step, autocast)

    there = batches[0]
    return Side(train, lambda step: batches[step], lambda step: built.train_step(there, step, autocast))


def plain(training: dict, store: Store, folder: Path) -> Side:
    """Return the side of a plain script."""
    built, random = method(training), np.random.default_rng(0)
    labelled, unlabelled = store.labelled(training["labelled"]), store.unlabelled(training["labelled"])
    for case in labelled + unlabelled:
        with h5py.File(folder / f"{case.name}.h5", "w") as file:
            file.create_dataset("image", data=case.image, compression="gzip")
            file.create_dataset("label", data=case.label, compression="gzip")

    def sample(name: str) -> tuple[np.ndarray, np.ndarray]:
        with h5py.File(folder / f"{name}.h5") as file:
            image, label = file["image"][:], file["label"][:]
        turns, axis = random.integers(4), random.integers(2)
        image, label = (np.flip(np.rot90(a, turns), axis).copy() for a in (image, label))
        start = [random.integers(size - edge) for size, edge in zip(image.shape, training["patch"], strict=True)]
        window = tuple(slice(s, s + edge) for s, edge in zip(start, training["patch"], strict=True))
        return image[window], label[window]

    def prepare(step: int) -> Batch:
        half = training["batch"]["labelled"]
        chosen = [random.choice(cases).name for cases in [labelled] * half + [unlabelled] * half]
        images, labels = zip(*(sample(name) for name in chosen), strict=True)
        seen = np.stack(labels[:half]).astype(np.int64)
        return Batch(torch.from_numpy(np.stack(images)[:, None]), torch.from_numpy(seen))

    def train(step: int) -> None:
        built.train_step(prepare(step), step)

    there = prepare(0)
    return Side(train, prepare, lambda step: built.train_step(there, step))


def timed(step: Step, number: int) -> float:
    started = time.perf_counter()
    step(number)
    return time.perf_counter() - started


def make_side(side: str, training: dict, store: Store, folder: str) -> Side:
    """Return ``plain``, or ours in the precision called ``bf16`` or ``fp32``."""
    return plain(training, store, Path(folder)) if side == "plain" else ours(training, store, side)


def peak_mb(side: str, path: Path, connection) -> None:
    """Send the peak memory of a process that makes two steps of one side."""
    training, store = settings(), load_store(path, parts=["train"])
    with tempfile.TemporaryDirectory() as folder:
        step = make_side(side, training, store, folder).step
        step(0)
        step(1)
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)


def peak_in_own_process(side: str, path: Path) -> float:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=peak_mb, args=(side, path, sender))
    process.start()
    sender.close()  # so that a child that fails ends the waiting
    peak = receiver.recv()
    process.join()
    return peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, default=Path("results/data/la-2x2x2.h5"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    if not options.store.exists():
        parser.error(f"there is no store {options.store}; make it: snakemake --cores 2 -- results/data/la-2x2x2.h5")

    torch.set_num_threads(options.threads)
    # First, while this process is small: a child's peak starts from what its parent held when it was made.
    peaks = {side: peak_in_own_process(side, options.store) for side in SIDES}
    training, store = settings(), load_store(options.store, parts=["train"])
    with tempfile.TemporaryDirectory() as folder:
        sides = {side: make_side(side, training, store, folder) for side in SIDES}
        times: dict[str, list[list[float]]] = {side: [] for side in sides}
        for number in range(options.repeats + 1):
            for side, of in sides.items():
                times[side].append([timed(each, number) for each in of])
    print(f"{options.threads} thread(s), torch {torch.__version__}, median of {options.repeats} after one warm-up\n")
    heads = ("side", "seconds per step", "plain / side", "without data", "plain / side", "preparation", "memory (MB)")
    print(f"| {' | '.join(heads)} |")
    print("| :-- | --: | --: | --: | --: | --: | --: |")
    medians = {side: [*map(statistics.median, zip(*of[1:], strict=True))] for side, of in times.items()}
    plain_step, _, plain_alone = medians["plain"]
    for side, (step, prepare, alone) in medians.items():
        steps = f"{step:.2f} | {plain_step / step:.1f} | {alone:.2f} | {plain_alone / alone:.1f}"
        print(f"| {side} | {steps} | {prepare / step:.2%} | {peaks[side]:.0f} |")


if __name__ == "__main__":
    main()
