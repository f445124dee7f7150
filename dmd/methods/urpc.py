"""URPC: the scales of a decoder agree with their mean, less where they deviate from it (Luo et al., MICCAI 2021)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmd.data.batches import Batch
from dmd.losses import cross_entropy, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.networks.unet import UNetDecoder
from dmd.planning.bounds import NonNegative, Positive
from dmd.schedules import warmup

# Perturbations of the side features in training (HiLab-git/SSL4MIS:code/networks/unet.py).
DROPOUT = 0.5
ATTENTION = (0.7, 0.9)
NOISE = 0.3


@dataclass(frozen=True)
class Params:
    """``consistency`` is the maximum of the warm-up over ``rampup`` units of 150 iterations."""

    consistency: NonNegative
    rampup: Positive


class Pyramid(nn.Module):
    """A U-Net with a head at each of the last four levels of its decoder: images to logits ``(B, C, *S)``.

    In training the features of the side heads are perturbed: dropout at the deepest, `without_attended` at the next,
    `noisy` at the one before full resolution. Side outputs are enlarged to the size of the images by repetition.
    """

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = build.encoder(), UNetDecoder(build.width), build.head(build.classes)
        self.sides = nn.ModuleList(build.head(build.classes, level) for level in (3, 2, 1))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of full resolution."""
        return self.head(self.decoder(self.encoder(images)))

    def scales(self, images: Tensor) -> list[Tensor]:
        """Return the logits of all scales, full resolution first."""
        *features, last = self.decoder.features(self.encoder(images))
        if self.training:
            deepest, middle, shallow = features
            features = [self.dropout(deepest), without_attended(middle), noisy(shallow)]
        sides = [
            functional.interpolate(head(feature), images.shape[2:])
            for head, feature in zip(self.sides, features, strict=True)
        ]
        return [self.head(last), *reversed(sides)]


class URPC(Method):
    """Minimise ``mean_s [CE(p_s, y) + Dice(p_s, y)] / 2 + w * mean_s L_s`` over the four scales s.

    On the unlabelled cases, with ``q`` the mean of the ``p_s`` and ``k_s = sum_c q_c (ln q_c - ln p_s,c)``,
    ``L_s = mean[(q - p_s)^2 exp(-k_s)] / (mean[exp(-k_s)] + 1e-8) + mean[k_s]``, with gradients to both; the first
    mean is over classes too. ``w = consistency * ramp(iteration // 150, rampup)``
    (HiLab-git/SSL4MIS:code/train_uncertainty_rectified_pyramid_consistency_2D.py). Its pyramid is the U-Net's.
    """

    params: Params
    dimensions = (2,)

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.network = Pyramid(build)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the supervised terms and the consistency, each the mean over the scales."""
        seen, unseen = zip(*map(batch.split, self.network.scales(batch.images)), strict=True)
        weight = self.params.consistency * warmup(self.clock(step), self.params.rampup)
        return {
            "cross_entropy": torch.stack([cross_entropy(logits, batch.labels) for logits in seen]).mean() / 2,
            "dice": torch.stack([supervised_dice(logits, batch.labels) for logits in seen]).mean() / 2,
            "consistency": weight * rectified_consistency(unseen),
        }

    @property
    def predictor(self) -> nn.Module:
        """The full resolution alone."""
        return Predictor(self.network)


def rectified_consistency(scales: Sequence[Tensor]) -> Tensor:
    """Return the mean over the scales of ``L_s`` (see `URPC`) from their logits ``(B, C, *S)``; >= 0, 0 if equal."""
    logs = torch.stack([torch.log_softmax(logits.float(), dim=1) for logits in scales])
    predicted = logs.exp()
    mean = predicted.mean(dim=0)
    # xlogy: a class whose mean probability is 0 adds 0, not NaN.
    deviation = (torch.special.xlogy(mean, mean) - mean * logs).sum(dim=2, keepdim=True)
    certainty = torch.exp(-deviation)
    voxels = tuple(range(1, deviation.dim()))
    squared = ((mean - predicted).square() * certainty).mean(dim=voxels)
    return (squared / (certainty.mean(dim=voxels) + 1e-8) + deviation.mean(dim=voxels)).mean()


def without_attended(feature: Tensor) -> Tensor:
    """Return ``feature (B, F, *S)`` with 0 where its mean over F reaches a share of its maximum in the sample.

    The share is one draw for the batch from `ATTENTION`.
    """
    attention = feature.mean(dim=1, keepdim=True)
    low, high = ATTENTION
    share = low + (high - low) * torch.rand((), device=feature.device)
    highest = attention.flatten(1).amax(dim=1).reshape(-1, *[1] * (feature.dim() - 1))
    return feature * (attention < share * highest)


def noisy(feature: Tensor) -> Tensor:
    """Return ``feature * (1 + n)``, n uniform in -`NOISE`..`NOISE`, the same ``(F, *S)`` for the whole batch."""
    noise = NOISE * (2 * torch.rand(feature.shape[1:], device=feature.device) - 1)
    return feature * (1 + noise)
