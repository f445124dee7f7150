"""CPS as HiLab-git/SSL4MIS has it: softmax over all classes, cross supervision of the unlabelled cases, a warm-up."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmd.data.batches import Batch
from dmd.losses import cross_entropy, dice_squared, hard_cross_entropy, multiclass, probabilities
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.planning.bounds import NonNegative, Positive, Share
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """``weight`` of the cross supervision at the end of the warm-up over ``rampup``, in units of 150 iterations.

    ``cross_entropy`` is the share of the cross-entropy beside Dice in the supervised terms.
    """

    weight: NonNegative
    rampup: Positive
    cross_entropy: Share


class ReleasedCPS(Method):
    """Minimise ``S(p_1, y) + S(p_2, y) + w(t) * [CE(p_1, argmax p_2) + CE(p_2, argmax p_1)]``, S = (1 - s) Dice + s CE.

    S sees the labelled cases, its Dice being the mean over all classes, background included, for two classes as for
    four; the cross supervision sees the unlabelled ones, and its hard labels carry no gradient
    (HiLab-git/SSL4MIS:code/train_cross_pseudo_supervision_3D.py and _2D.py).
    """

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        # One logit per class, two for two classes. Built one after the other, so that their initial weights differ.
        self.first, self.second = build.network(build.classes), build.network(build.classes)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the cross supervision."""
        (seen, unseen), (seen_too, unseen_too) = map(batch.split, self.peers(batch.images))
        cross = hard_cross_entropy(unseen, unseen_too) + hard_cross_entropy(unseen_too, unseen)
        return {
            "supervised_1": self._supervised(seen, batch.labels),
            "supervised_2": self._supervised(seen_too, batch.labels),
            "cross_supervision": self.params.weight * warmup(self.clock(step), self.params.rampup) * cross,
        }

    def _supervised(self, logits: Tensor, labels: Tensor) -> Tensor:
        dice = multiclass(dice_squared, probabilities(logits), labels)
        return torch.lerp(dice, cross_entropy(logits, labels), self.params.cross_entropy)

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both networks."""
        return self.first(images), self.second(images)

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the hard labels, one-hot."""
        hard = functional.one_hot(logits.argmax(dim=1), logits.shape[1])
        return hard.movedim(-1, 1).to(logits.dtype)

    @property
    def predictor(self) -> nn.Module:
        """The first network."""
        return Predictor(self.first)
