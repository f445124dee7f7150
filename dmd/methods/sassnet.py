"""SASSNet: signed distances of unlabelled cases must look like those of labelled ones (Li et al., MICCAI 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch, Extras
from dmd.data.store import Case
from dmd.losses import cross_entropy, mean_squared, supervised_dice
from dmd.methods.base import Predictor
from dmd.methods.families.adversarial import Adversarial
from dmd.networks.build import Build
from dmd.networks.discriminator import PairDiscriminator, held
from dmd.networks.level_set import LevelSetNetwork
from dmd.planning.bounds import NonNegative, Positive
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """Weights of the terms and the discriminator's learning rate.

    ``cross_entropy`` and ``dice`` supervise the segmentation, ``distance`` the level set; ``adversarial`` is the
    maximum of the warm-up over ``rampup`` units of 150 iterations.
    """

    cross_entropy: NonNegative
    dice: NonNegative
    distance: NonNegative
    adversarial: NonNegative
    rampup: Positive
    discriminator_rate: Positive


class SASSNet(Adversarial):
    """Minimise ``a CE(p, y) + b Dice(p, y) + c MSE(phi, SDM(y)) + w * CE(D(phi, image), labelled)``.

    The supervised terms see the labelled cases, the adversarial one the unlabelled. ``w`` warms up as
    ``adversarial * ramp(iteration // 150, rampup)``. The discriminator D learns to tell the maps of labelled cases
    (class 1) from those of unlabelled ones (class 0), image in hand (kleinzcy/SASSnet:code/train_gan_sdfloss.py).
    """

    params: Params
    segmenter: LevelSetNetwork

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.segmenter = LevelSetNetwork(build)
        self.discriminator = PairDiscriminator(build.dimensions, build.classes - 1)

    def extras(self, labelled: list[Case]) -> Extras:
        """Return the signed distance maps of a batch's labels."""
        return {"distances": self.segmenter.distances}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the supervised terms of both heads and the adversarial term."""
        maps, logits = self.segmenter.maps_and_logits(batch.images)
        seen_maps, unseen_maps = batch.split(maps)
        seen, _ = batch.split(logits)
        _, unlabelled = batch.split(batch.images)
        with held(self.discriminator):
            judged = self.discriminator(unseen_maps, unlabelled)
        adversarial = cross_entropy(judged, judged.new_ones(len(judged), dtype=torch.int64))
        weight = warmup(self.clock(step), self.params.rampup)
        return {
            "cross_entropy": self.params.cross_entropy * cross_entropy(seen, batch.labels),
            "dice": self.params.dice * supervised_dice(seen, batch.labels),
            "distance": self.params.distance * mean_squared(seen_maps, batch.extras["distances"]),
            "adversarial": self.params.adversarial * weight * adversarial,
        }

    @torch.no_grad()
    def shown(self, images: Tensor) -> Tensor:
        """Return the signed distance maps of the updated segmenter in evaluation mode."""
        with held(self.segmenter):
            return self.segmenter.maps_and_logits(images)[0]

    def discriminator_loss(self, shown: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of which cases are labelled."""
        is_labelled = torch.arange(len(shown), device=shown.device) < len(batch.labels)
        return cross_entropy(self.discriminator(shown, batch.images), is_labelled.long())

    @property
    def predictor(self) -> nn.Module:
        """The segmentation head."""
        return Predictor(self.segmenter)
