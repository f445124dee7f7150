"""MC-Net: one encoder, two decoders, each taught by the other's sharpened output (Wu et al., MICCAI 2021)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.losses import dice_half, dice_squared, linear_dice, mean_squared, sharpen
from dmd.methods.base import Method
from dmd.networks.build import Build
from dmd.planning.bounds import NonNegative, Positive, Truth
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """Weights and the reading of the method.

    ``supervised`` weighs the Dice of each decoder, ``consistency`` is the maximum of the warm-up over ``rampup`` units
    of 150 iterations, ``sharpening`` the temperature T, ``prediction`` is ``mean`` (of both decoders' probabilities,
    the paper) or ``first`` (decoder with transposed convolutions, the released code). With several classes the Dice
    lacks its factor 2, as released, unless ``whole_dice`` is true.
    """

    supervised: NonNegative
    consistency: NonNegative
    rampup: Positive
    sharpening: Positive
    prediction: Literal["mean", "first"]
    whole_dice: Truth | None


class Decoders(nn.Module):
    """The shared encoder with both decoders: images to a pair of logits, and to probabilities for the evaluation."""

    def __init__(self, build: Build, prediction: str) -> None:
        super().__init__()
        first, second = ("transposed", "trilinear") if build.dimensions == 3 else ("bilinear", "transposed")
        self.encoder = build.encoder()
        self.decoder_1, self.head_1 = build.decoder(first), build.head(build.classes)
        self.decoder_2, self.head_2 = build.decoder(second), build.head(build.classes)
        self.prediction = prediction

    def logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits ``(B, C, *S)`` of both decoders."""
        features = self.encoder(images)
        return self.head_1(self.decoder_1(features)), self.head_2(self.decoder_2(features))

    def forward(self, images: Tensor) -> Tensor:
        """Return the class probabilities ``(B, C, *S)`` that are evaluated."""
        if self.prediction == "first":
            return torch.softmax(self.head_1(self.decoder_1(self.encoder(images))).float(), dim=1)
        first, second = self.logits(images)
        return (torch.softmax(first.float(), dim=1) + torch.softmax(second.float(), dim=1)) / 2


class MCNet(Method):
    """Minimise ``s * sum_k Dice(p_k, y) + w * [MSE(p_1, sharp(p_2)) + MSE(p_2, sharp(p_1))]``.

    The supervised terms see the labelled cases, the consistency all of them, without stop-gradient on the sharpened
    side; ``w`` warms up as ``consistency * ramp(iteration // 150, rampup)`` (ycwu1997/MC-Net:code/train_mcnet_3d.py).
    The Dice has linear denominators on the foreground channel in 3-D and, with several classes, the released 2-D form
    whose optimum is 0.5 (code/train_mcnet_2d.py) or the whole one.
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.decoders = Decoders(build, params.prediction)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the consistency."""
        first, second = (torch.softmax(logits.float(), dim=1) for logits in self.peers(batch.images))
        labelled = len(batch.labels)
        several = dice_squared if self.params.whole_dice else dice_half
        weight = warmup(self.clock(step), self.params.rampup)
        consistency = mean_squared(first, sharpen(second, self.params.sharpening)) + mean_squared(
            second, sharpen(first, self.params.sharpening)
        )
        return {
            "supervised_1": self.params.supervised * linear_dice(first[:labelled], batch.labels, several),
            "supervised_2": self.params.supervised * linear_dice(second[:labelled], batch.labels, several),
            "consistency": self.params.consistency * weight * consistency,
        }

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both decoders."""
        return self.decoders.logits(images)

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the sharpened probabilities; with more than two classes they need not sum to 1."""
        return sharpen(torch.softmax(logits.float(), dim=1), self.params.sharpening)

    @property
    def predictor(self) -> nn.Module:
        """Both decoders, or the first, as ``prediction`` says."""
        return self.decoders
