"""The sides that `gpu.py` compares: the plain formulation of the field's scripts, and ours with every kernel."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from dmd.data.batches import Batch, Batches
from dmd.data.store import Case, Store, load_store, write_store
from dmd.devices import compute
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.networks.kernels import TF32_SINCE, Kernels

PATIENTS = {"train": 8, "validation": 2, "test": 2}


def sides(device: torch.device, compiled: bool) -> dict[str, Kernels]:
    """Return the kernels to compare by name.

    ``plain`` is what the field's scripts have: torch's own order and precision, in TF32 where the GPU has it, and
    algorithms that repeat.
    """
    on_gpu = device.type == "cuda"
    has_tf32 = on_gpu and torch.cuda.get_device_capability(device) >= TF32_SINCE
    found = {
        "plain": Kernels("tf32" if has_tf32 else "fp32", channels_last=False),
        "fp32": Kernels("fp32"),
        **({"tf32": Kernels("tf32")} if has_tf32 else {}),
        "bf16": Kernels("bf16"),
        "bf16, default order": Kernels("bf16", channels_last=False),
        "bf16, autotuned": Kernels("bf16", deterministic=False),
    }
    if not on_gpu:
        del found["bf16, autotuned"]  # cuDNN's alone
    return found | ({"bf16, compiled": Kernels("bf16", deterministic=False, compile=True)} if compiled else {})


def made_up_store(path: Path, training: dict, shape: tuple[int, ...]) -> Store:
    """Return a store of noise with a cube in each scan, as the run's data set would be."""
    random, cases, parts = np.random.default_rng(0), [], {}
    for part, count in PATIENTS.items():
        parts[part] = [f"{part}{index}" for index in range(count)]
        for name in parts[part]:
            label = np.zeros(shape, np.uint8)
            label[tuple(slice(edge // 4, 3 * edge // 4) for edge in shape)] = 1
            image = (label + random.normal(0, 0.5, shape)).astype(np.float32)
            cases.append(Case(name, name, image, label, None))
    classes = tuple(f"class {index}" for index in range(training["classes"]))
    write_store(path, training["dataset"], classes, parts, cases)
    return load_store(path, training["dataset"], parts=["train", "test"])


def prepared(training: dict, kernels: Kernels, device: torch.device) -> Method:
    """Return a method ready to train."""
    torch.manual_seed(training["seed"])
    kernels.use(device)
    method = make(training["method"], Build.from_settings(training))
    method = kernels.compiled(kernels.placed(method, device, training["dimensions"])).train()
    method.start_training(training["optimiser"])
    return method


def waited(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds that some work takes until the device has done it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


class Side:
    """A method with its kernels on a device: steps on one batch that lies there, and steps that prepare theirs.

    A batch is prepared beside the step before, where ``inline`` in the step itself, as the field's scripts do without
    workers (what reading compressed files adds is in `step.py`).
    """

    def __init__(
        self, training: dict, kernels: Kernels, store: Store, device: torch.device, *, inline: bool = False
    ) -> None:
        self.kernels, self.device, self.inline = kernels, device, inline
        self.method = prepared(training, kernels, device)
        self.batches = Batches(store, training, self.method.extras(store.labelled(training["labelled"])))
        self.autocast, self.batch, self.made = kernels.autocast(device), self.batches[0].to(device), 0

    def alone(self) -> float:
        """Return the seconds of a step whose batch is there."""
        return waited(self.device, lambda: self._step(self.batch))

    def with_data(self, steps: int) -> list[float]:
        """Return the seconds of steps as a training makes them, each from one batch to the next."""
        stream = self._stream(self.made, self.made + steps + 1)
        waited(self.device, lambda: next(stream))  # the first batch is waited for
        return [waited(self.device, lambda: next(stream)) for _ in range(steps)]

    def _stream(self, start: int, stop: int) -> Iterator[None]:
        inline = ((step, self.batches[step].to(self.device)) for step in range(start, stop))
        for _, batch in inline if self.inline else self.batches.stream(start, stop, self.device):
            self._step(batch)
            yield

    def _step(self, batch: Batch) -> None:
        compute(tf32=self.kernels.precision == "tf32", deterministic=self.kernels.deterministic)
        self.method.train_step(batch, self.made, self.autocast)
        self.made += 1
