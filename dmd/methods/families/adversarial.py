"""A segmenter and a discriminator that learn in turns."""

from abc import abstractmethod
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.methods.base import Autocast, Descent, Method, minimise


class AdversarialParams(Protocol):
    """The hyper-parameter that every `Adversarial` has."""

    @property
    def discriminator_rate(self) -> float:
        """Constant learning rate of the discriminator."""


class Adversarial(Method):
    """A method whose ``segmenter`` and ``discriminator`` learn in turns, each with an optimiser of its own.

    A subclass sets both networks and ``params``, and holds the discriminator (`dmd.networks.discriminator.held`) where
    its `losses` ask it. The discriminator then learns from what `shown` gives with Adam at a constant rate; its loss is
    reported among the terms.
    """

    params: AdversarialParams
    segmenter: nn.Module
    discriminator: nn.Module
    BETAS = (0.9, 0.99)  # hfslyc/AdvSemiSeg:train.py

    @abstractmethod
    def shown(self, images: Tensor) -> Tensor:
        """Return what the discriminator learns from, ``(B, K, *S)`` without gradient, after the segmenter's step."""

    @abstractmethod
    def discriminator_loss(self, shown: Tensor, batch: Batch) -> Tensor:
        """Return what the discriminator minimises."""

    def start_training(self, settings: Descent) -> None:
        """Make both optimisers; ``settings`` are the segmenter's."""
        self.optimiser = torch.optim.SGD(self.segmenter.parameters(), **settings)
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.params.discriminator_rate, betas=self.BETAS
        )

    def train_step(self, batch: Batch, step: int, autocast: Autocast | None = None) -> dict[str, Tensor]:
        """Train the segmenter by one step, then the discriminator."""
        terms = super().train_step(batch, step, autocast)
        with autocast or nullcontext():
            loss = self.discriminator_loss(self.shown(batch.images), batch)
        minimise(loss, self.discriminator_optimiser)
        return terms | {"discriminator": loss.detach()}

    def training_state(self) -> dict[str, Any]:
        """Return everything but the step that training goes on from."""
        return super().training_state() | {"discriminator_optimiser": self.discriminator_optimiser.state_dict()}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take up what `training_state` returned."""
        super().load_training_state(state)
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
