"""Batches as a function of (seed, step): nothing to save for a resume, nothing that depends on workers."""

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmd.data.augment import Transform, augment_slice, augment_volume
from dmd.data.residence import Volumes, laid, sent
from dmd.data.store import Store
from dmd.errors import InputError

# First entries of the generators' seeds, so that the order of cases and their transforms never share a stream.
ORDER, TRANSFORM = 0, 1

# Batches that are made at once beside a training on a GPU, whose step may be shorter than the making of signed
# distances. On a CPU it is one, whatever it takes: a step lasts longer, and the cores are the step's.
AHEAD = 4

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
        extras = {name: sent(tensor, device) for name, tensor in self.extras.items()}
        return Batch(sent(self.images, device), sent(self.labels, device), extras)


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
        By name, arrays that share the transforms of the labelled cases, or functions of a batch's labels on the host,
        which are called in the thread that prepares it.
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
        self.device = torch.device("cpu")
        self.on_host = self.volumes = [
            tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
            for arrays in self.labelled + self.unlabelled
        ]
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

    def on(self, device: torch.device) -> "Batches":
        """Return the same batches made for ``device``, and there if it has room for the volumes."""
        made = copy.copy(self)
        made.device, made.volumes = device, laid(self.volumes, device)
        return made

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, TRANSFORM, step])
        labelled, unlabelled = self.indices(step)
        cases = [*labelled, *(len(self.labelled) + index for index in unlabelled)]
        moves = [(case, self.augment(self.volumes[case][0].shape, self.patch, random)) for case in cases]
        seen = moves[: len(labelled)]
        images, labels = _moved(self.volumes, 0, moves)[:, None], _moved(self.volumes, 1, seen)
        extras = {name: _moved(self.volumes, place, seen) for place, name in enumerate(self.shared, start=2)}
        if self.derived:
            on_host = _moved(self.on_host, 1, seen).long()
            extras |= {name: derive(on_host) for name, derive in self.derived.items()}
        batch = Batch(images, labels, extras).to(self.device)
        # Labels travel as a byte each.
        return replace(batch, labels=batch.labels.long())

    def stream(self, start: int, stop: int, device: torch.device) -> Iterator[tuple[int, Batch]]:
        """Yield ``(step, batch)`` on ``device``, made by threads while the steps before run.

        A GPU works on what threads ask of it in the order of their asking, on the one stream of them all: the training
        needs no look at whether a batch is ready.
        """
        made, ahead = self.on(device), 1 if device.type == "cpu" else AHEAD
        with ThreadPoolExecutor(ahead, "batches", torch.set_num_threads, (1,)) as threads:
            upcoming = deque(threads.submit(made.__getitem__, step) for step in range(start, min(start + ahead, stop)))
            for step in range(start, stop):
                batch = upcoming.popleft().result()
                if step + ahead < stop:
                    upcoming.append(threads.submit(made.__getitem__, step + ahead))
                yield step, batch


def _items(volumes: list[tuple[np.ndarray, ...]], slices: bool) -> list[tuple[np.ndarray, ...]]:
    """Return the arrays of every volume, or of every slice of every volume."""
    return [tuple(planes) for arrays in volumes for planes in zip(*arrays, strict=True)] if slices else volumes


def _moved(volumes: Volumes, place: int, moves: list[tuple[int, Transform]]) -> Tensor:
    """Return the image (``place`` 0), the label (1) or an extra of some cases, each in its transform."""
    return torch.stack([move(volumes[case][place]) for case, move in moves])


def _cut(order: np.ndarray, position: int, length: int) -> list[int]:
    return order[position * length : (position + 1) * length].tolist()
