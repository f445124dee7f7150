"""DTC: a segmentation head and a level-set head must agree (Luo et al., AAAI 2021)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch, Extras
from dmd.data.store import Case
from dmd.losses import cross_entropy, mean_squared, probabilities, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.networks.level_set import LevelSetNetwork
from dmd.planning.bounds import NonNegative, Positive
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """Weights of the terms.

    ``cross_entropy`` and ``dice`` supervise the segmentation, ``distance`` the level set; ``consistency`` is the
    maximum of the warm-up over ``rampup`` units of 150 iterations; ``steepness`` is k of the step from distance to
    mask.
    """

    cross_entropy: NonNegative
    dice: NonNegative
    distance: NonNegative
    consistency: NonNegative
    rampup: Positive
    steepness: Positive


class DTC(Method):
    """Minimise ``a CE(p, y) + b Dice(p, y) + c MSE(phi, SDM(y)) + w * mean[(sigmoid(-k phi) - p)^2]``.

    The supervised terms see the labelled cases, the consistency all of them, with gradients to both heads; p is the
    foreground's probability, each foreground class's where there are several. ``w`` warms up as
    ``consistency * ramp(iteration // 150, rampup)`` (HiLab-git/DTC:code/train_la_dtc.py). Maps are negative
    inside, hence the sign; with k = 1500 only voxels with ``|phi| < 0.005`` teach the level set.
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.network = LevelSetNetwork(build)

    def extras(self, labelled: list[Case]) -> Extras:
        """Return the signed distance maps of a batch's labels."""
        return {"distances": self.network.distances}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the supervised terms of both heads and their consistency."""
        labelled = len(batch.labels)
        maps, logits = self.network.maps_and_logits(batch.images)
        foreground = probabilities(logits)[:, -maps.shape[1] :]
        consistency = mean_squared(torch.sigmoid(-self.params.steepness * maps), foreground)
        weight = warmup(self.clock(step), self.params.rampup)
        return {
            "cross_entropy": self.params.cross_entropy * cross_entropy(logits[:labelled], batch.labels),
            "dice": self.params.dice * supervised_dice(logits[:labelled], batch.labels),
            "distance": self.params.distance * mean_squared(maps[:labelled], batch.extras["distances"]),
            "consistency": self.params.consistency * weight * consistency,
        }

    @property
    def predictor(self) -> nn.Module:
        """The segmentation head."""
        return Predictor(self.network)
