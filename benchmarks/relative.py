"""Time a step of every method against one of DMD, interleaved in one process.

    python benchmarks/relative.py --data la --labelled 8 --store results/data/la-2x2x2.h5 dmd uamt duwm

Where `methods.py` says what a training costs as it runs, beside others, this says how methods compare. Everything that
a step needs is inside: the targets made from the labels (signed distance maps), teachers, discriminators.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from methods import CPU, settings

from dmd.data.batches import Batches
from dmd.data.store import Store, load_store
from dmd.devices import channels_last
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels


def stepper(training: dict, store: Store) -> Callable[[int], float]:
    """Return a function that makes one step of the method and says how many seconds that took."""
    torch.manual_seed(training["seed"])
    method = make(training["method"], Build.from_settings(training)).train()
    method.to(memory_format=channels_last(training["dimensions"])).start_training(training["optimiser"])
    batches = Batches(store, training, method.extras(store.labelled(training["labelled"])))
    autocast = Kernels(training["precision"]).autocast(CPU)

    def step(number: int) -> float:
        started = time.perf_counter()
        for _, batch in batches.stream(number, number + 1, CPU):
            method.train_step(batch, number, autocast)
        return time.perf_counter() - started

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+", help="compared with dmd if it is one, else with the first")
    parser.add_argument("--data", required=True, choices=("la", "acdc"))
    parser.add_argument("--labelled", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    store = load_store(options.store, parts=["train"])
    specs = {name: settings(options.data, options.labelled, name, 300) for name in options.methods}
    steps = {name: stepper(spec.training, store) for name, spec in specs.items()}
    seconds = [{name: step(number) for name, step in steps.items()} for number in range(options.repeats + 1)]
    medians = {name: statistics.median(line[name] for line in seconds[1:]) for name in steps}
    reference = medians.get("dmd", medians[options.methods[0]])
    print(f"{options.threads} thread(s), torch {torch.__version__}, median of {options.repeats} after one warm-up\n")
    print("| method | seconds per step | relative |")
    print("| :-- | --: | --: |")
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} | {median / reference:.2f} |")


if __name__ == "__main__":
    main()
