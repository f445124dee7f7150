"""Batches as a function of (seed, step): nothing to save for a resume, nothing that depends on workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmd.data.augment import augment_slice, augment_volume
from dmd.data.store import Store
from dmd.errors import InputError

# First entries of the generators' seeds, so that the order of cases and their transforms never share a stream.
ORDER, TRANSFORM = 0, 1

# What a batch carries beside images and labels, see `dmd.methods.base.Method.extras`.
Extras = Mapping[str, Sequence[np.ndarray] | Callable[[Tensor], Tensor]]


@dataclass(frozen=True)
class Batch:
    """What a method may see: the labelled cases come first, labels of unlabelled cases do not exist.

    Attributes
    ----------
    images : Tensor
        ``(L + U, 1, *S)`` float32.
    labels : Tensor
        ``(L, *S)`` int64.
    extras : dict
        What the method asked for beside them, by name; of the labelled cases only, ``(L, ...)``.
    """

    images: Tensor
    labels: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < len(self.labels) <= len(self.images):
            raise InputError(
                f"expected a batch with at least one labelled case, found {len(self.labels)} labels for "
                f"{len(self.images)} images"
            )

    def split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labelled and the unlabelled part of ``outputs (L + U, ...)``.

        Raises
        ------
        InputError
            Every case is labelled; a mean over the unlabelled ones would not be a number.
        """
        labelled = len(self.labels)
        if labelled == len(self.images):
            raise InputError(
                f"expected labelled and unlabelled cases in the batch, found {labelled} labelled of "
                f"{len(self.images)}; change the budget of the run"
            )
        return outputs[:labelled], outputs[labelled:]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        extras = {name: tensor.to(device, non_blocking=True) for name, tensor in self.extras.items()}
        return Batch(self.images.to(device, non_blocking=True), self.labels.to(device, non_blocking=True), extras)


class Batches:
    """The batches of one run: ``batches[step]`` for any step, in any order.

    A two-stream epoch is one pass over the labelled cases in fresh order, cut into groups of ``batch.labelled``
    with the remainder dropped; each group is joined by ``size - labelled`` unlabelled cases from a chain of fresh
    permutations that starts anew with every epoch. Where the whole batch is labelled the last, smaller group of an
    epoch is kept (yulequan/UA-MT:code/dataloaders/la_heart.py, TwoStreamBatchSampler; code/train_LA.py).

    Parameters
    ----------
    store : Store
        The prepared data set.
    training : dict
        Settings of the run; ``labelled``, ``draw``, ``batch``, ``patch``, ``dimensions`` and ``seed`` are read.
    extras : dict
        By name, arrays that share the transforms of the labelled cases, or functions of a batch's labels, which are
        called in the thread that prepares it.
    """

    def __init__(self, store: Store, training: dict[str, Any], extras: Extras | None = None) -> None:
        slices = training["dimensions"] == 2
        self.patch, self.seed = training["patch"], training["seed"]
        self.size, self.from_labelled = training["batch"]["size"], training["batch"]["labelled"]
        shared = {name: extra for name, extra in (extras or {}).items() if not callable(extra)}
        self.shared = tuple(shared)
        self.derived = {name: extra for name, extra in (extras or {}).items() if callable(extra)}
        who = training["labelled"], training.get("draw", 0)
        labelled, unlabelled = store.labelled(*who), store.unlabelled(*who)
        seen = zip([(case.image, case.label) for case in labelled], *shared.values(), strict=True)
        self.labelled = _items([(*arrays, *more) for arrays, *more in seen], slices)
        self.unlabelled = _items([(case.image,) for case in unlabelled], slices)
        self.augment = augment_slice if slices else augment_volume
        if len(self.labelled) < self.from_labelled and self.size > self.from_labelled:
            raise InputError(
                f"expected at least {self.from_labelled} labelled {'slices' if slices else 'volumes'} to fill a batch, "
                f"found {len(self.labelled)} with {training['labelled']} labelled patients; raise the budget"
            )
        if not self.unlabelled and self.size > self.from_labelled:
            raise InputError(
                f"expected unlabelled patients for {self.size - self.from_labelled} of the {self.size} cases of a "
                f"batch, found none with {training['labelled']} labelled patients; lower the budget or use a "
                "supervised method"
            )

    @property
    def per_epoch(self) -> int:
        """Number of batches in one epoch."""
        if self.from_labelled == self.size:
            return -(-len(self.labelled) // self.size)
        return len(self.labelled) // self.from_labelled

    def indices(self, step: int) -> tuple[list[int], list[int]]:
        """Return which labelled and which unlabelled items make up the batch of ``step``."""
        epoch, position = divmod(step, self.per_epoch)
        random = np.random.default_rng([self.seed, ORDER, epoch])
        labelled = _cut(random.permutation(len(self.labelled)), position, self.from_labelled)
        from_unlabelled = self.size - self.from_labelled
        if from_unlabelled == 0:
            return labelled, []
        passes = -(-self.per_epoch * from_unlabelled // len(self.unlabelled))
        stream = np.concatenate([random.permutation(len(self.unlabelled)) for _ in range(passes)])
        return labelled, _cut(stream, position, from_unlabelled)

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, TRANSFORM, step])
        labelled, unlabelled = self.indices(step)
        seen = [self.augment(self.labelled[index], self.patch, random) for index in labelled]
        unseen = [self.augment(self.unlabelled[index], self.patch, random) for index in unlabelled]
        images = np.stack([item[0] for item in seen + unseen])[:, None]
        labels = torch.from_numpy(np.stack([item[1] for item in seen]).astype(np.int64))
        shared = {
            name: torch.from_numpy(np.stack([item[index] for item in seen]))
            for index, name in enumerate(self.shared, start=2)
        }
        derived = {name: derive(labels) for name, derive in self.derived.items()}
        return Batch(torch.from_numpy(images), labels, shared | derived)

    def stream(self, start: int, stop: int, device: torch.device) -> Iterator[tuple[int, Batch]]:
        """Yield ``(step, batch)`` on ``device``, each made by one thread while the step before it runs."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as thread:
            upcoming = thread.submit(self.__getitem__, start)
            for step in range(start, stop):
                batch = upcoming.result()
                if step + 1 < stop:
                    upcoming = thread.submit(self.__getitem__, step + 1)
                yield step, batch.to(device)


def _items(volumes: list[tuple[np.ndarray, ...]], slices: bool) -> list[tuple[np.ndarray, ...]]:
    """Return the arrays of every volume, or of every slice of every volume."""
    return [tuple(planes) for arrays in volumes for planes in zip(*arrays, strict=True)] if slices else volumes


def _cut(order: np.ndarray, position: int, length: int) -> list[int]:
    return order[position * length : (position + 1) * length].tolist()
