"""UA-MT: a mean teacher that is believed where its stochastic passes agree (Yu et al., MICCAI 2019)."""

import math
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.losses import cross_entropy, information, masked_squared, probabilities, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.networks.teacher import Teacher
from dmd.planning.bounds import Count, Decay, NonNegative, Positive, Share
from dmd.schedules import ramp, warmup


@dataclass(frozen=True)
class Params:
    """Weights and the teacher.

    ``supervised`` weighs cross-entropy and Dice, ``consistency`` is the maximum of the warm-up over ``rampup`` units of
    150 iterations, ``decay`` and ``noise`` are the teacher's, ``forwards`` times ``copies`` the number of stochastic
    passes (see `dmd.networks.teacher.Teacher.passes`), ``certain`` the share of the last threshold below which the
    entropy must lie at first. That ``threshold``, in nats, is ln 2 and the ``divisor`` of the consistency 2, whatever
    the number of classes, as released, where nothing else is given.
    """

    supervised: NonNegative
    consistency: NonNegative
    rampup: Positive
    decay: Decay
    noise: NonNegative
    forwards: Count
    copies: Count
    certain: Share
    threshold: Positive | None
    divisor: Positive | None


class UAMT(Method):
    """Minimise ``s * (CE + Dice)`` on labelled cases plus ``w * masked(p, q)`` on unlabelled ones.

    q is one stochastic pass of the teacher, the mask where the entropy of the mean of further passes is below a growing
    threshold, and ``w = consistency * ramp(iteration // 150, rampup)``
    (yulequan/UA-MT:code/train_LA_meanteacher_certainty_unlabel.py; with several classes
    HiLab-git/SSL4MIS:code/train_uncertainty_aware_mean_teacher_2D.py).
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock, self.length = params, build.clock, build.reference_iterations
        self.last = math.log(2) if params.threshold is None else params.threshold
        self.divisor = 2 if params.divisor is None else params.divisor
        self.student = build.network(build.classes)
        self.teacher = Teacher(build.network(build.classes), params.decay, params.noise)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return cross-entropy, Dice and the consistency."""
        _, images = batch.split(batch.images)
        seen, unseen = batch.split(self.student(batch.images))
        target = probabilities(self.teacher(images))
        certain = self.entropy(images) < self.threshold(step)
        consistency = masked_squared(probabilities(unseen), target, certain, self.divisor)
        weight = self.params.consistency * warmup(self.clock(step), self.params.rampup)
        return {
            "cross_entropy": self.params.supervised * cross_entropy(seen, batch.labels),
            "dice": self.params.supervised * supervised_dice(seen, batch.labels),
            "consistency": weight * consistency,
        }

    def entropy(self, images: Tensor) -> Tensor:
        """Return the entropy ``(B, *S)`` in nats of the mean of the teacher's passes; in [0, ln C]."""
        forwards, copies = self.params.forwards, self.params.copies
        passes = self.teacher.passes(images, forwards, copies)
        means = (probabilities(logits).unflatten(0, (copies, -1)).mean(dim=0) for logits in passes)
        return information(reduce(torch.add, means) / forwards).sum(dim=1)

    def threshold(self, step: int) -> float:
        """Return the entropy below which a voxel counts, ``(c + (1 - c) * ramp(iteration, length)) * last``.

        At the end of training it is the last one: ln 2 is everything for two classes, still a choice for more.
        """
        share = self.params.certain + (1 - self.params.certain) * ramp(self.clock(step), self.length)
        return share * self.last

    def after_step(self, step: int) -> None:
        """Let the teacher follow the student."""
        self.teacher.follow(self.student, step)

    @property
    def predictor(self) -> nn.Module:
        """The student."""
        return Predictor(self.student)
