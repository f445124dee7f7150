"""Time a DMD training step against the plain formulation that the field's scripts use.

    python benchmarks/step.py --store results/data/la-2x2x2.h5

Both sides train the same two V-Nets with the same loss on the shape of scale `half`, interleaved in one process. Plain
means: fp32, tensors in default memory order, and per sample and step one read of a gzip-compressed HDF5 file and numpy
augmentation of the whole volume. Ours is measured in both precisions. Peak memory is measured in a process of its own
for each side.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch

from dmd.data.batches import Batch, Batches
from dmd.data.store import Store, load_store
from dmd.devices import channels_last
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.planning import config, plan, reading

CPU = torch.device("cpu")
SIDES = ("bf16", "fp32", "plain")
Step = Callable[[int], None]


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


def ours(training: dict, store: Store, precision: str) -> tuple[Step, Step]:
    """Return our step and its batch preparation alone."""
    batches = Batches(store, training)
    built = method(training).to(memory_format=channels_last(training["dimensions"]))
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")

    def train(step: int) -> None:
        for _, batch in batches.stream(step, step + 1, CPU):
            built.train_step(batch, step, autocast)

    return train, lambda step: batches[step]


def plain(training: dict, store: Store, folder: Path) -> tuple[Step, Step]:
    """Return the step of a plain script and its batch preparation alone."""
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

    return train, prepare


def timed(step: Step, number: int) -> float:
    started = time.perf_counter()
    step(number)
    return time.perf_counter() - started


def make_side(side: str, training: dict, store: Store, folder: str) -> tuple[Step, Step]:
    """Return step and batch preparation of ``plain``, or of ours in the precision called ``bf16`` or ``fp32``."""
    return plain(training, store, Path(folder)) if side == "plain" else ours(training, store, side)


def peak_mb(side: str, path: Path, connection) -> None:
    """Send the peak memory of a process that makes two steps of one side."""
    training, store = settings(), load_store(path, parts=["train"])
    with tempfile.TemporaryDirectory() as folder:
        step = make_side(side, training, store, folder)[0]
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
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        preparing: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(options.repeats + 1):
            for side, (step, prepare) in sides.items():
                seconds[side].append(timed(step, number))
                preparing[side].append(timed(prepare, number))
    print(f"{options.threads} thread(s), torch {torch.__version__}, median of {options.repeats} after one warm-up\n")
    print("| side | seconds per step | plain / side | batch preparation | peak memory (MB) |")
    print("| :-- | --: | --: | --: | --: |")
    medians = {side: statistics.median(seconds[side][1:]) for side in sides}
    for side, median in medians.items():
        share = statistics.median(preparing[side][1:]) / median
        print(f"| {side} | {median:.2f} | {medians['plain'] / median:.1f} | {share:.2%} | {peaks[side]:.0f} |")


if __name__ == "__main__":
    main()
