"""Time the making of batches at scale `paper`, which on a GPU must keep up with the steps.

    python benchmarks/batches.py --data la --labelled 8 --store results/data/la-1x1x1.h5

Prints the processor time of one thread: of a batch, of the signed distances that DTC and SASSNet learn, and of the same
distances with SciPy's transform, interleaved. All are compared before they are timed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from methods import settings
from scipy import ndimage

from dmd.data import distance
from dmd.data.batches import AHEAD, Batches
from dmd.data.distance import signed_distances
from dmd.data.store import load_store


def squared_by_scipy(mask: np.ndarray) -> np.ndarray:
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    here = np.ogrid[tuple(slice(size) for size in mask.shape)]
    return sum((there - place.astype(there.dtype)) ** 2 for there, place in zip(nearest, here, strict=True))


def by_scipy(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the signed distances that SciPy's transform gives."""
    ours, distance.squared_distances = distance.squared_distances, squared_by_scipy
    try:
        return signed_distances(labels, classes)
    finally:
        distance.squared_distances = ours


def timed(make: Callable[[], object]) -> float:
    started = time.thread_time()
    make()
    return time.thread_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, choices=("la", "acdc"))
    parser.add_argument("--labelled", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()

    torch.set_num_threads(1)
    training = settings(options.data, options.labelled, "dtc", 300, prefix="").training
    batches, classes = Batches(load_store(options.store, parts=["train"]), training), training["classes"]
    seconds: dict[str, list[float]] = {"batch": [], "signed distances": [], "the same by SciPy": []}
    for step in range(options.repeats):
        labels = batches[step].labels.numpy()
        if not np.array_equal(signed_distances(labels, classes), by_scipy(labels, classes)):
            raise SystemExit(f"the signed distances of step {step} are not those by SciPy")
        sides = (
            lambda step=step: batches[step],
            lambda labels=labels: signed_distances(labels, classes),
            lambda labels=labels: by_scipy(labels, classes),
        )
        for name, make in zip(seconds, sides, strict=True):
            seconds[name].append(timed(make))
    print(f"patch {training['patch']}, batch {training['batch']}, one thread, {options.repeats} steps\n")
    print("| what | ms (quartiles) |")
    print("| :-- | --: |")
    for name, found in seconds.items():
        low, median, high = (1000 * value for value in statistics.quantiles(found, n=4))
        print(f"| {name} | {median:.1f} ({low:.1f} to {high:.1f}) |")
    whole = statistics.median(map(sum, zip(seconds["batch"], seconds["signed distances"], strict=True)))
    print(f"\n{AHEAD} threads beside a GPU make a batch with signed distances every {1000 * whole / AHEAD:.1f} ms")


if __name__ == "__main__":
    main()
