"""What a method is: one class in one file that turns a batch into named loss terms."""

import dataclasses
import importlib
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dmd import losses
from dmd.data.batches import Batch
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.networks.build import Build
from dmd.planning import declarations


class Method(nn.Module):
    """A way to learn from labelled and unlabelled images.

    A subclass gives its hyper-parameters as a frozen dataclass ``Params`` without defaults (config/methods.yaml is
    their only home), builds its networks in ``__init__(params, build)`` and defines `losses` and `predictor`.
    ``dimensions`` says for which images it is defined; planning reads it from the source, so it is a literal.
    """

    Params: ClassVar[type]
    dimensions: ClassVar[tuple[int, ...]] = (2, 3)

    optimiser: torch.optim.Optimizer

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the weighted loss terms of a batch by name; their sum is minimised.

        ``step`` counts from 0 in the run's own iterations; ``build.clock(step)`` gives the paper's.
        """
        raise NotImplementedError

    @property
    def predictor(self) -> nn.Module:
        """The module that is evaluated: images ``(B, 1, *S)`` to class probabilities ``(B, C, *S)``."""
        raise NotImplementedError

    def peers(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the logits ``(B, K, *S)`` of the networks or decoders that teach each other; by default none do."""
        return ()

    def guidance(self, logits: Tensor) -> Tensor:
        """Return what a peer with these logits teaches: a probability per class, ``(B, C, *S)``."""
        raise NotImplementedError

    def companions(self, labelled: list[Case]) -> dict[str, list[np.ndarray]]:
        """Return arrays by name, one per labelled case and of its shape, that share its transforms.

        Batches carry them as ``batch.extras[name]``, ``(L, *S)``; by default there are none.
        """
        return {}

    def targets(self, labels: Tensor) -> dict[str, Tensor]:
        """Return what the losses derive from ``labels (L, *S)`` alone, such as signed distances.

        Batches carry it as ``batch.extras``; it is made on the CPU while the step before runs. By default nothing.
        """
        return {}

    def after_step(self, step: int) -> None:
        """Do what follows the optimiser's step, such as moving a teacher; by default nothing."""

    def start_training(self, settings: dict[str, float]) -> None:
        """Make the optimiser over every parameter that asks for a gradient."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.SGD(trained, **settings)

    def train_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Minimise the sum of the terms by one step and return them, detached."""
        terms = self.losses(batch, step)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        self.optimiser.step()
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


class Adversarial(Method):
    """A method whose ``segmenter`` and ``discriminator`` learn in turns, each with an optimiser of its own.

    A subclass sets both networks and ``params.discriminator_rate``, and holds the discriminator
    (`dmd.networks.discriminator.held`) where its `losses` ask it. The discriminator then learns from what `shown` gives
    with Adam at a constant rate; its loss is reported among the terms.
    """

    segmenter: nn.Module
    discriminator: nn.Module
    BETAS = (0.9, 0.99)  # ibid. and hfslyc/AdvSemiSeg:train.py

    def shown(self, images: Tensor) -> Tensor:
        """Return what the discriminator learns from, ``(B, K, *S)`` without gradient, after the segmenter's step."""
        raise NotImplementedError

    def discriminator_loss(self, shown: Tensor, batch: Batch) -> Tensor:
        """Return what the discriminator minimises."""
        raise NotImplementedError

    def start_training(self, settings: dict[str, float]) -> None:
        """Make both optimisers; ``settings`` are the segmenter's."""
        self.optimiser = torch.optim.SGD(self.segmenter.parameters(), **settings)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.params.discriminator_rate, betas=self.BETAS
        )

    def train_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Train the segmenter by one step, then the discriminator."""
        terms = super().train_step(batch, step)
        loss = self.discriminator_loss(self.shown(batch.images), batch)
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.discriminator_optimiser.step()
        return terms | {"discriminator": loss.detach()}

    def training_state(self) -> dict[str, Any]:
        """Return everything but the step that training goes on from."""
        return super().training_state() | {"discriminator_optimiser": self.discriminator_optimiser.state_dict()}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take up what `training_state` returned."""
        super().load_training_state(state)
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])


class Pair(Method):
    """A method whose two networks, ``first`` and ``second``, teach each other; the first one is evaluated.

    Its ``params.cross_entropy`` is the share of the cross-entropy beside Dice in the supervision, by default none.
    """

    def __init__(self, params: Any, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        # Built one after the other from one generator, so that their initial weights differ.
        self.first = build.network(build.logit_channels)
        self.second = build.network(build.logit_channels)

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both networks."""
        return self.first(images), self.second(images)

    def supervision(self, peers: tuple[Tensor, Tensor], labels: Tensor) -> dict[str, Tensor]:
        """Return ``(1 - s) Dice + s CE`` of each network on the labelled cases."""
        share = self.params.cross_entropy
        terms = {}
        for index, logits in enumerate(peers, start=1):
            seen = logits[: len(labels)]
            term = losses.supervised_dice(seen, labels)
            if share:
                term = torch.lerp(term, losses.cross_entropy(seen, labels), share)
            terms[f"supervised_{index}"] = term
        return terms

    @property
    def predictor(self) -> nn.Module:
        """The first network."""
        return Predictor(self.first)


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
    """Return the one `Method` class in dmd/methods/<name>.py.

    Raises
    ------
    InputError
        There is no such file, or it holds no method or several.
    """
    declarations.hyper_parameters(name)
    module = importlib.import_module(f"dmd.methods.{name}")
    classes = [
        entry
        for entry in vars(module).values()
        if isinstance(entry, type) and issubclass(entry, Method) and entry.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise InputError(f"dmd/methods/{name}.py: expected one class derived from Method, found {len(classes)}")
    return classes[0]


def make(settings: dict[str, Any], build: Build) -> Method:
    """Build the method of a run from its settings ``{"implementation": ..., "params": {...}}``.

    Raises
    ------
    InputError
        The method is unknown, lacks a hyper-parameter, has one that is no word of it, or is not for images of so many
        dimensions.
    """
    method = load(settings["implementation"])
    declarations.require_dimensions(settings["implementation"], build.dimensions, "the settings of the run")
    declarations.require_declared(
        settings["implementation"], settings["params"], f"method '{settings['implementation']}'"
    )
    declarations.require_choices(settings["implementation"], settings["params"], "the settings of the run")
    # The settings leave out hyper-parameters that are null.
    params = {field.name: settings["params"].get(field.name) for field in dataclasses.fields(method.Params)}
    return method(method.Params(**params), build)
