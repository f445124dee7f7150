"""Count the operations and the bytes of a training step, and say how long each machine needs at least.

    python benchmarks/roofline.py
    python benchmarks/roofline.py --data acdc dmd ssnet

Every operation of a step is seen as torch calls it, forwards, backwards and in the optimiser, on tensors without
content: a multiplication with its addition counts as two operations (`torch.utils.flop_counter`), and an operation
reads what it is given and writes what it returns once (views move nothing). That is what a step moves where nothing is
fused; where everything is fused into the convolutions, it moves what they do. A machine needs at least the longer of
both times. A method whose tensors' sizes depend on their content is counted on a smaller patch (`~`), by the voxel.
"""

import argparse
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from methods import settings
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dmd.data.batches import Batch
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels
from dmd.planning.implementations import methods

# (operations per second of convolutions, bytes per second). NVIDIA H100 Tensor Core GPU data sheet, SXM5: 989 TFLOPS in
# TF32 and 1979 in bf16 with sparsity, so half of each without; 67 in FP32; 3.35 TB/s.
MACHINES = {
    "H100 fp32": ("fp32", 67e12, 3.35e12),
    "H100 tf32": ("tf32", 494.5e12, 3.35e12),
    "H100 bf16": ("bf16", 989.5e12, 3.35e12),
}
SMALLER = [64, 64, 32]  # a patch that a CPU computes in seconds
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Count:
    """Operations and bytes of a step, and the bytes of its convolutions alone; ``guessed`` from a smaller patch."""

    operations: float
    moved: float
    convolved: float
    guessed: bool = False

    def times(self, factor: float) -> "Count":
        return Count(*(factor * each for each in (self.operations, self.moved, self.convolved)), guessed=True)

    def least_ms(self, operations: float, moved: float, *, fused: bool) -> float:
        """Return how long a machine that makes so many per second needs."""
        return 1e3 * max(self.operations / operations, (self.convolved if fused else self.moved) / moved)


class Traffic(TorchDispatchMode):
    """Adds up the bytes that operations read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = self.convolved = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        returned = function(*args, **(kwargs or {}))
        if not function.is_view:
            leaves = tree_leaves((args, kwargs, returned))
            moved = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, Tensor))
            self.moved += moved
            self.convolved += moved if "convolution" in str(function) else 0
        return returned


def counted(step: Callable[[], object]) -> Count:
    with FlopCounterMode(display=False) as operations, Traffic() as traffic:
        step()
    return Count(operations.get_total_flops(), traffic.moved, traffic.convolved)


def batch_of(training: dict) -> Batch:
    """Return a batch of noise with a cube in it, and with what the method asks for beside it."""
    patch, labelled = tuple(training["patch"]), training["batch"]["labelled"]
    label = np.zeros(patch, np.uint8)
    label[tuple(slice(edge // 4, edge // 2) for edge in patch)] = 1
    labels = torch.from_numpy(np.stack([label] * labelled).astype(np.int64))
    cases = [Case("p", "p", label.astype(np.float32), label, None)] * labelled
    extras = {
        name: extra(labels) if callable(extra) else torch.from_numpy(np.stack(extra))
        for name, extra in make(training["method"], Build.from_settings(training)).extras(cases).items()
    }
    return Batch(torch.randn(training["batch"]["size"], 1, *patch), labels, extras)


def count_step(training: dict, kernels: Kernels, batch: Batch) -> Count:
    method = make(training["method"], Build.from_settings(training)).train()
    method.start_training(training["optimiser"])
    return counted(lambda: method.train_step(batch, 0, kernels.autocast(CPU)))


def count(training: dict, kernels: Kernels) -> Count:
    """Return the count of one step of a method."""
    batch = batch_of(training)
    try:
        with FakeTensorMode() as mode:
            extras = {name: mode.from_tensor(tensor) for name, tensor in batch.extras.items()}
            empty = Batch(mode.from_tensor(batch.images), mode.from_tensor(batch.labels), extras)
            return count_step(training, kernels, empty)
    except (DataDependentOutputException, DynamicOutputShapeException):
        smaller = training | {"patch": SMALLER}
        found = count_step(smaller, kernels, batch_of(smaller))
        return found.times(math.prod(training["patch"]) / math.prod(SMALLER))


def count_network(training: dict, kernels: Kernels) -> Count:
    """Return the count of the network alone, forwards and backwards."""
    with FakeTensorMode():
        build = Build.from_settings(training)
        network = build.network(build.logit_channels)
        images = torch.randn(training["batch"]["size"], 1, *training["patch"])

        def step() -> None:
            with kernels.autocast(CPU):
                output = network(images)
            output.sum().backward()

        return counted(step)


def row(name: str, counts: dict[str, Count]) -> str:
    """Return a line: operations, and per precision bytes; then the least time on each machine."""
    guessed = "~" if any(each.guessed for each in counts.values()) else ""
    cells = [name, f"{guessed}{counts['fp32'].operations / 1e12:.2f}"]
    for each in counts.values():
        cells.append(f"{guessed}{each.moved / 1e9:.0f} ({each.convolved / 1e9:.0f})")
    for precision, *speeds in MACHINES.values():
        of = counts["bf16" if precision == "bf16" else "fp32"]
        cells.append(f"{of.least_ms(*speeds, fused=False):.0f} ({of.least_ms(*speeds, fused=True):.0f})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=methods())
    parser.add_argument("--data", default="la", choices=("la", "acdc"))
    options = parser.parse_args()

    trainings = {}
    for name in options.methods:
        with suppress(InputError):  # not for images of so many dimensions
            trainings[name] = settings(options.data, 3, name, 300, prefix="").training
    machines = [f"{name} (ms)" for name in MACHINES]
    print("Bytes and times where nothing is fused, in brackets where everything is fused into the convolutions.\n")
    print(f"| step | TFLOP | GB in fp32 | GB in bf16 | {' | '.join(machines)} |")
    print(f"| :-- {'| --: ' * (3 + len(machines))}|")
    first = next(iter(trainings.values()))
    print(
        row(
            f"{first['network']['kind']} alone",
            {name: count_network(first, Kernels(name)) for name in ("fp32", "bf16")},
        )
    )
    for name, training in trainings.items():
        print(row(name, {each: count(training, Kernels(each)) for each in ("fp32", "bf16")}), flush=True)


if __name__ == "__main__":
    main()
