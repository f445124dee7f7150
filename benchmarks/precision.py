"""Compare supervised loss curves in bf16 with the seed-to-seed spread of those in fp32.

    python benchmarks/precision.py --store results/data/la-2x2x2.h5

Trains the supervised V-Net of a scale for 300 steps per seed in both precisions and compares the loss curves,
averaged over windows of 20 steps.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from dmd.data.batches import Batches
from dmd.data.store import Store, load_store
from dmd.devices import channels_last
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels
from dmd.planning import config, identity, plan, reading
from dmd.schedules import learning_rate
from dmd.training.loop import noise_seed

CPU = torch.device("cpu")
WINDOW = 20


def curve(training: dict, store: Store, seed: int, precision: str) -> np.ndarray:
    """Return the loss of every step."""
    training = training | {"seed": seed}
    build, batches = Build.from_settings(training), Batches(store, training)
    autocast = Kernels(precision).autocast(CPU)
    torch.manual_seed(seed)
    method = make(training["method"], build).to(memory_format=channels_last(training["dimensions"])).train()
    method.start_training(training["optimiser"])
    losses = []
    for step, batch in batches.stream(0, training["iterations"], CPU):
        method.set_learning_rate(learning_rate(training, build.clock(step)))
        torch.manual_seed(noise_seed(seed, step))
        losses.append(sum(term.item() for term in method.train_step(batch, step, autocast).values()))
    return np.array(losses)


def smooth(losses: np.ndarray) -> np.ndarray:
    return losses[: len(losses) // WINDOW * WINDOW].reshape(-1, WINDOW).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="half", choices=("half", "paper"))
    parser.add_argument("--store", type=Path, default=Path("results/data/la-2x2x2.h5"))
    parser.add_argument("--patch", type=int, nargs=3, help="smaller than the scale's, for less time")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()

    made = plan.make(config.check(reading.read()))
    table = made.artefacts[identity.artefact_name("table3", options.scale)]
    (row,) = [row for row in table.rows if row.method == "supervised"]
    training = made.runs[row.runs[0]].spec.training | {"iterations": options.steps}
    training["patch"] = options.patch or training["patch"]
    store = load_store(options.store, parts=["train"])
    seeds = range(1337, 1337 + options.seeds)
    exact = np.stack([smooth(curve(training, store, seed, "fp32")) for seed in seeds])
    rounded = np.stack([smooth(curve(training, store, seed, "bf16")) for seed in seeds])

    spread = exact.max(axis=0) - exact.min(axis=0)
    difference = np.abs(rounded - exact)
    outside = (rounded.mean(axis=0) < exact.min(axis=0)) | (rounded.mean(axis=0) > exact.max(axis=0))
    print(f"scale {options.scale}, patch {training['patch']}")
    print(f"{options.steps} steps, {options.seeds} seeds, windows of {WINDOW} steps\n")
    print("| | mean over windows | last window |\n| :-- | --: | --: |")
    print(f"| loss in fp32 | {exact.mean():.4f} | {exact[:, -1].mean():.4f} |")
    print(f"| loss in bf16 | {rounded.mean():.4f} | {rounded[:, -1].mean():.4f} |")
    print(f"| spread of fp32 over seeds | {spread.mean():.4f} | {spread[-1]:.4f} |")
    print(f"| bf16 against fp32, same seed | {difference.mean():.4f} | {difference[:, -1].mean():.4f} |")
    print(f"\nwindows in which the mean bf16 curve leaves the fp32 seeds' range: {outside.sum()} of {len(outside)}")


if __name__ == "__main__":
    main()
