"""What every method must keep, as checks on tiny made-up scans: ours are tested with them, and so may be yours."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmd.data.batches import Batch, Batches
from dmd.data.store import Case, Store
from dmd.errors import InputError
from dmd.methods.base import Method, make
from dmd.networks.build import Build
from dmd.planning.trainable import DIMENSIONS
from dmd.runs.history import require_names

PATIENTS = {"train": [f"p{index}" for index in range(6)], "validation": ["v0", "v1"], "test": ["t0", "t1"]}
CLASSES = {2: ("background", "ring", "core"), 3: ("background", "ring")}
NOISE = 1000  # the seed of what is random inside the first step


def tiny_cases(dimensions: int) -> list[Case]:
    """Return blobs in noise, a little larger than the patch; volumes, or stacks of three slices with three classes."""
    random = np.random.default_rng(0)
    cases = []
    for patient in PATIENTS["train"] + PATIENTS["test"] + PATIENTS["validation"]:
        shape = (22, 20, 18) if dimensions == 3 else (3, 22, 20)
        label = np.zeros(shape, np.uint8)
        if dimensions == 3:
            label[4:14, 5:15, 4:13] = 1
        else:
            label[:, 4:16, 4:16], label[:, 7:12, 7:12] = 1, 2
        image = (label + random.normal(0, 0.5, shape)).astype(np.float32)
        cases.append(Case(patient, patient, image, label, (1.0, 1.0, 2.0) if dimensions == 3 else None))
    return cases


def tiny_training(dimensions: int, implementation: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return training settings of a run on `tiny_cases` that takes a tenth of a second per step."""
    return {
        "dataset": {"name": f"tiny{dimensions}d", "revision": 1, "downsample": [1, 1, 1], "split": "0"},
        "dimensions": dimensions,
        "classes": len(CLASSES[dimensions]),
        "labelled": 2,
        "method": {"implementation": implementation, "revision": 1, "params": copy.deepcopy(params)},
        "network": {"kind": next(kind for kind, of in DIMENSIONS.items() if of == dimensions), "width": 4},
        "patch": [16] * dimensions,
        "batch": {"size": 4, "labelled": 2},
        "iterations": 10,
        "reference_iterations": 6000,
        "optimiser": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001},
        "schedule": {"kind": "step", "every": 2500, "factor": 0.1},
        "precision": "fp32",
        "selection": "last",
        "seed": 7,
        "code": 1,
    }


class BrokenError(AssertionError):
    """A method does not keep the contract; the message says how."""


@dataclass(frozen=True)
class Trial:
    """A method with settings and scans to try it on."""

    settings: dict[str, Any]
    store: Store

    @classmethod
    def of(cls, implementation: str, params: dict[str, Any], dimensions: int) -> "Trial":
        """Return the trial of a method on images of so many dimensions."""
        settings = tiny_training(dimensions, implementation, params)
        parts = {part: tuple(patients) for part, patients in PATIENTS.items()}
        cases: dict[str, tuple[Case, ...]] = {case.patient: (case,) for case in tiny_cases(dimensions)}
        return cls(settings, Store(settings["dataset"], CLASSES[dimensions], parts, cases))

    def method(self, seed: int = 7) -> Method:
        """Return the method with weights of a seed, ready to train."""
        torch.manual_seed(seed)
        method = make(self.settings["method"], Build.from_settings(self.settings))
        method.start_training(self.settings["optimiser"])
        return method.train()

    def batches(self, method: Method) -> Batches:
        """Return what the method is fed with."""
        return Batches(self.store, self.settings, method.extras(self.store.labelled(self.settings["labelled"])))

    def steps(self, method: Method, start: int, stop: int) -> list[dict[str, float]]:
        """Train from one step to another and return the terms of each."""
        batches, history = self.batches(method), []
        for step in range(start, stop):
            torch.manual_seed(NOISE + step)
            history.append({name: term.item() for name, term in method.train_step(batches[step], step).items()})
        return history

    def shuffled(self, patients: Iterable[str]) -> "Trial":
        """Return the same trial with the voxels of some patients' labels shuffled."""
        random, changed = np.random.default_rng(1), dict(self.store.by_patient)
        for patient in patients:
            (case,) = changed[patient]
            label = random.permutation(case.label.ravel()).reshape(case.label.shape)
            changed[patient] = (replace(case, label=label),)
        return replace(self, store=replace(self.store, by_patient=changed))


def steps_are_finite(trial: Trial) -> None:
    """Require three steps with finite terms, the same ones each time, under names that the history has free."""
    history = trial.steps(trial.method(), 0, 3)
    _require(all(history), "expected `losses` to return at least one term, found none")
    names = [list(terms) for terms in history]
    _require(names[0] == names[1] == names[2], f"expected the same terms in every step, found {names}")
    try:
        require_names(names[0])
    except InputError as error:
        raise BrokenError(str(error)) from None
    values = torch.tensor([list(terms.values()) for terms in history])
    _require(bool(values.isfinite().all()), f"expected finite terms, found {history}")


def odd_patches_are_finite(trial: Trial) -> None:
    """Require finite terms and gradients of a patch without a class, or full of it."""
    for value in (0, 1):
        method = trial.method()
        batch, labelled = trial.batches(method)[0], trial.store.labelled(trial.settings["labelled"])
        labels = torch.full_like(batch.labels, value)
        extras = {name: make(labels) for name, make in method.extras(labelled).items() if callable(make)}
        terms = method.losses(Batch(batch.images, labels, {**batch.extras, **extras}), 0)
        torch.stack(list(terms.values())).sum().backward()
        found = [*terms.values(), *(weight.grad for weight in method.parameters() if weight.grad is not None)]
        _require(
            all(bool(tensor.isfinite().all()) for tensor in found),
            f"expected finite terms and gradients where every voxel is of class {value}, found others",
        )


def probabilities_are_predicted(trial: Trial) -> None:
    """Require of the predictor probabilities ``(B, C, *S)`` for images ``(B, 1, *S)``."""
    predictor, patch = trial.method().predictor.eval(), trial.settings["patch"]
    with torch.no_grad():
        found: Tensor = predictor(torch.randn(2, 1, *patch))
    expected = (2, trial.settings["classes"], *patch)
    _require(tuple(found.shape) == expected, f"expected probabilities {expected}, found {tuple(found.shape)}")
    whole = torch.allclose(found.sum(dim=1), torch.ones_like(found[:, 0]), atol=1e-5)
    _require(whole and float(found.min()) >= 0, "expected probabilities that sum to 1 over the classes, found others")


def resuming_changes_nothing(trial: Trial) -> None:
    """Require the same bits of ten steps, and of five, a saved state and five more."""
    straight, first, second = trial.method(), trial.method(), trial.method(seed=99)
    expected = trial.steps(straight, 0, 10)
    before = trial.steps(first, 0, 5)
    second.load_training_state(copy.deepcopy(first.training_state()))
    found = before + trial.steps(second, 5, 10)
    _require(
        found == expected and _equal(straight, second),
        "expected a training that was interrupted to end in the same bits, found others: what a step needs must be a "
        "parameter, a buffer or a function of the step, and what is random be drawn from torch's generator",
    )


def labels_stay_unseen(trial: Trial) -> None:
    """Require that labels of unlabelled scans change no bit if they are shuffled, and those of a labelled one do."""
    count, patients = trial.settings["labelled"], PATIENTS["train"]
    ends = [trial, trial.shuffled(patients[count:]), trial.shuffled(patients[: count - 1])]
    straight, unseen, seen = (_trained(of) for of in ends)
    _require(
        _equal(straight, unseen), "expected no look at labels of unlabelled scans, found weights that depend on them"
    )
    _require(not _equal(straight, seen), "expected a method that learns from labels, found weights that ignore them")


Check = Callable[[Trial], None]
CHECKS: tuple[Check, ...] = (
    steps_are_finite,
    odd_patches_are_finite,
    probabilities_are_predicted,
    resuming_changes_nothing,
    labels_stay_unseen,
)


def other_dimensions_are_refused(implementation: str, params: dict[str, Any], dimensions: int) -> None:
    """Require that a method is not built for images that it is not declared for."""
    try:
        Trial.of(implementation, params, dimensions).method()
    except InputError:
        return
    raise BrokenError(f"expected {dimensions}-D images to be refused, as `dimensions` says, found a method for them")


def _trained(trial: Trial) -> Method:
    method = trial.method()
    trial.steps(method, 0, 3)
    return method


def _equal(one: Method, other: Method) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())


def _require(kept: bool, said: str) -> None:
    if not kept:
        raise BrokenError(said)
