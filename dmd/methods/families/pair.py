"""Two networks that teach each other."""

from typing import Protocol

import torch
from torch import Tensor, nn

from dmd import losses
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build


class PairParams(Protocol):
    """The hyper-parameter that every `Pair` has."""

    @property
    def cross_entropy(self) -> float | None:
        """Share of the cross-entropy beside Dice in the supervision; by default none."""


class Pair(Method):
    """A method whose two networks, ``first`` and ``second``, teach each other; the first one is evaluated."""

    params: PairParams

    def __init__(self, params: PairParams, build: Build) -> None:
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
