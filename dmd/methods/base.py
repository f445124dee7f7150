"""What a method is: one class in one file that turns a batch into named loss terms.

Four words are to be learnt: `Method.losses`, `Method.predictor`, and where a method needs them `Method.extras` and
`Method.after_step`.
"""

import importlib.util
import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

from dmd import losses
from dmd.data.batches import Batch, Extras
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.networks.build import Build
from dmd.planning.declarations import declaration, require_dimensions, require_params
from dmd.planning.implementations import is_elsewhere, is_file, source_file

Autocast = AbstractContextManager[Any]


class Descent(TypedDict):
    """Settings of stochastic gradient descent."""

    lr: float
    momentum: float
    weight_decay: float


class Method(nn.Module, ABC):
    """A way to learn from labelled and unlabelled images.

    Its file declares the hyper-parameters as a frozen dataclass ``Params`` without defaults (config/methods.yaml is
    their only home) of the types in `dmd.planning.bounds`; the class builds its networks in ``__init__(params, build)``
    and defines `losses` and `predictor`. ``dimensions`` says for which images it is defined; planning reads both from
    the source, so they are literal.
    """

    dimensions: ClassVar[tuple[int, ...]] = (2, 3)

    optimiser: torch.optim.Optimizer

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the weighted loss terms of a batch by name; their sum is minimised.

        ``step`` counts from 0 in the run's own iterations; ``build.clock(step)`` gives the paper's.
        """

    @property
    @abstractmethod
    def predictor(self) -> nn.Module:
        """The module that is evaluated: images ``(B, 1, *S)`` to class probabilities ``(B, C, *S)``."""

    def extras(self, labelled: list[Case]) -> Extras:
        """Return what a batch carries beside images and labels, by name, as ``batch.extras``; by default nothing.

        A list of arrays, one per labelled case and of its shape, shares the transforms of the cases. A function makes
        it from the labels ``(L, *S)`` of each batch, such as signed distances: on the host, in threads beside the steps
        before, of which there are several on a GPU.
        """
        return {}

    def after_step(self, step: int) -> None:
        """Do what follows the optimiser's step, such as moving a teacher; by default nothing."""

    def start_training(self, settings: Descent) -> None:
        """Make the optimiser over every parameter that asks for a gradient."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        # Settings have whole numbers as such, of which torch takes none beyond 64 bits.
        lr, momentum, weight_decay = (float(settings[name]) for name in ("lr", "momentum", "weight_decay"))
        self.optimiser = torch.optim.SGD(trained, lr, momentum, weight_decay=weight_decay)

    def train_step(self, batch: Batch, step: int, autocast: Autocast | None = None) -> dict[str, Tensor]:
        """Minimise the sum of the terms by one step and return them, detached.

        ``autocast`` covers the losses alone: it keeps the weights that it has lowered until it is left, and a network
        that ran inside it after the update would run with those from before.
        """
        with autocast or nullcontext():
            terms = self.losses(batch, step)
        minimise(torch.stack(list(terms.values())).sum(), self.optimiser)
        self.after_step(step)
        return {name: term.detach() for name, term in terms.items()}

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate that the run's schedule gives for the next step."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def training_state(self) -> dict[str, Any]:
        """Return everything but the step that training goes on from."""
        return {"modules": self.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take up what `training_state` returned."""
        self.load_state_dict(state["modules"])
        self.optimiser.load_state_dict(state["optimiser"])


def minimise(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    """Take one step of an optimiser down the gradient of a loss."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


@runtime_checkable
class Teaching(Protocol):
    """What pictures of guidance ask of a method with two networks or decoders that teach each other."""

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits ``(B, K, *S)`` of both."""

    def guidance(self, logits: Tensor) -> Tensor:
        """Return what a peer with these logits teaches: a probability per class, ``(B, C, *S)``."""


class Predictor(nn.Module):
    """A network with its logits turned into class probabilities ``(B, C, *S)``.

    One logit channel is the foreground's: p = sigmoid(z), and the background's probability is 1 - p.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return class probabilities."""
        return class_probabilities(self.network(images))


def class_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the probability of every class ``(B, C, *S)`` of logits with one channel or C."""
    probabilities = losses.probabilities(logits, temperature)
    return torch.cat([1 - probabilities, probabilities], dim=1) if logits.shape[1] == 1 else probabilities


def load(name: str) -> type[Method]:
    """Return the one `Method` class of an implementation: of this package, of another, or of a file.

    Raises
    ------
    InputError
        There is no such file, it holds no method or several, or the method lacks one of the words.
    """
    declaration(name)
    module, where = _module(name), source_file(name)
    classes = [
        entry
        for entry in vars(module).values()
        if isinstance(entry, type) and issubclass(entry, Method) and entry.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise InputError(f"{where}: expected one class derived from Method, found {len(classes)}")
    if missing := sorted(classes[0].__abstractmethods__):
        raise InputError(f"{where}: {classes[0].__name__} lacks {' and '.join(missing)}")
    return classes[0]


def _module(name: str) -> ModuleType:
    if not is_elsewhere(name):
        return importlib.import_module(f"dmd.methods.{name}")
    if not is_file(name):
        return importlib.import_module(name)
    path = source_file(name)
    spec = importlib.util.spec_from_file_location(f"method_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def make(settings: dict[str, Any], build: Build) -> Method:
    """Build the method of a run from its settings ``{"implementation": ..., "params": {...}}``.

    Raises
    ------
    InputError
        The method is unknown, has a hyper-parameter that is none or out of its bounds, or is not for images of so many
        dimensions.
    """
    name, where = settings["implementation"], "the settings of the run"
    require_dimensions(name, build.dimensions, where)
    params = require_params(name, settings["params"], where)
    method = load(name)
    made: Method = method(sys.modules[method.__module__].Params(**params), build)
    return made
