"""The mean teacher: a network whose weights are the average of a student's, asked with noise on its input."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from dmd.errors import InputError


class Teacher(nn.Module):
    """A frozen network that follows a student (Tarvainen and Valpola, NeurIPS 2017).

    It never leaves training mode: its dropout draws anew in every forward and its batch norm uses the statistics of
    the images at hand, as in yulequan/UA-MT:code/train_LA_meanteacher_certainty_unlabel.py. It has no gradients.
    What it starts from matters for the first step only, after which it equals the student.

    Parameters
    ----------
    network : nn.Module
        Built like the student's.
    decay : float
        Largest weight of the past in the average, in [0, 1).
    noise : float
        Standard deviation of the normal noise on the images, which is cut at twice that.
    """

    def __init__(self, network: nn.Module, decay: float, noise: float) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.decay, self.noise = decay, noise

    def train(self, mode: bool = True) -> "Teacher":
        """Stay in training mode, whatever is asked."""
        return super().train(True)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the network's output for ``images + clip(s N(0, 1), -2s, 2s)``, s = ``noise``."""
        noise = torch.clamp(self.noise * torch.randn_like(images), -2 * self.noise, 2 * self.noise)
        return self.network(images + noise)

    def passes(self, images: Tensor, forwards: int, copies: int) -> Iterator[Any]:
        """Yield the outputs of ``forwards * copies`` stochastic passes, ``copies`` of them at a time.

        Parameters
        ----------
        images : Tensor
            ``(B, 1, *S)``.
        forwards : int
            How often the network runs.
        copies : int
            How many copies of the batch, each with noise and dropout of its own, share one forward and so the
            statistics of its batch norm. The released UA-MT has 4 forwards with 2 copies each; docs/deviations.md
            says what another grouping changes.

        Yields
        ------
        Tensor or tuple of Tensor
            ``(copies * B, C, *S)``, one copy of the whole batch after the other.

        Raises
        ------
        InputError
            There is not at least one pass.
        """
        if forwards < 1 or copies < 1:
            raise InputError(f"expected at least 1 forward of the teacher with 1 copy, found {forwards} with {copies}")
        repeated = images.repeat(copies, *[1] * (images.dim() - 1))
        for _ in range(forwards):
            yield self(repeated)

    @torch.no_grad()
    def follow(self, student: nn.Module, step: int) -> None:
        """Move towards ``student`` after the run's 0-based ``step``.

        ``teacher = a * teacher + (1 - a) * student`` with ``a = min(1 - 1 / (step + 1), decay)``: the plain mean of
        the student so far until ``decay`` is reached. Parameters only; running statistics are not averaged.
        """
        past = min(1 - 1 / (step + 1), self.decay)
        for average, current in zip(self.network.parameters(), student.parameters(), strict=True):
            average.lerp_(current, 1 - past)
