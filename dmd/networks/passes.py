"""What a step costs on whatever machine: passes of an image through a network."""

from typing import Any

import torch
from torch import Tensor, nn

from dmd.networks.unet import UNetDecoder, UNetEncoder
from dmd.networks.vnet import VNetDecoder, VNetEncoder

HALVES = (VNetEncoder, VNetDecoder, UNetEncoder, UNetDecoder)
FORWARD, BACKWARD = 1, 2  # the gradient of a convolution is two: for its input and for its weights


class Passes:
    """Counts, in the steps that it is the context of, an image through a network as 1, and its gradient as 2 more.

    Encoder and decoder are half a network each, so that a second decoder counts; a discriminator is none. A step of
    DMD, two networks on four images, makes 24 passes. What counts is kept out of networks that are ``compiled``: a
    number that changes would have them compiled again at every step.
    """

    def __init__(self, method: nn.Module, *, compiled: bool = False) -> None:
        self.made, self.steps, self.counts = 0.0, 0, False
        add = torch.compiler.disable(self._add) if compiled else self._add
        for half in method.modules():
            if isinstance(half, HALVES):
                # Every image goes through it once, also where the features of all levels are asked for.
                half.blocks[-1].register_forward_hook(add)

    def __enter__(self) -> None:
        self.counts = True

    def __exit__(self, *error: object) -> None:
        self.counts = False
        self.steps += 1

    def facts(self) -> dict[str, float]:
        """Return ``passes_per_step``, their mean; nothing before the first step."""
        return {"passes_per_step": round(self.made / self.steps, 2)} if self.steps else {}

    def _add(self, block: nn.Module, given: Any, feature: Tensor) -> None:
        if self.counts:
            self.made += len(feature) / 2 * (FORWARD + BACKWARD * feature.requires_grad)
