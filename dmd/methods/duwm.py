"""DUWM: inconsistency weighed by two uncertainties of the teacher (Wang et al., MICCAI 2020), a reconstruction."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.losses import cross_entropy, information, probabilities, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build, Network
from dmd.networks.teacher import Teacher
from dmd.planning.bounds import Count, Decay, NonNegative, Positive
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """Weights and the teacher.

    ``supervised`` weighs cross-entropy and Dice, ``consistency`` is the maximum of the warm-up over ``rampup`` units of
    150 iterations, ``price`` what the student pays for its own entropy. ``decay`` and ``noise`` are the teacher's,
    ``forwards`` times ``copies`` the number of its passes (see `dmd.networks.teacher.Teacher.passes`).
    """

    supervised: NonNegative
    consistency: NonNegative
    rampup: Positive
    price: NonNegative
    decay: Decay
    noise: NonNegative
    forwards: Count
    copies: Count


class DUWM(Method):
    """Minimise ``s * (CE + Dice)`` on labelled cases plus ``w * weighted_inconsistency`` on all.

    The mean of the teacher's stochastic passes is the target; their predictive entropy weighs each voxel, the entropy
    across the channels of the last feature each case. Neither code nor equations are public: the form
    of the loss is ours, with UA-MT's constants (docs/deviations.md).
    """

    params: Params
    dimensions = (3,)

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.student = build.network(build.classes)
        # The second head shows the last feature as it is.
        network = Network(build.encoder(), build.decoder(), build.head(build.classes), nn.Identity())
        self.teacher = Teacher(network, params.decay, params.noise)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return cross-entropy, Dice and the inconsistency."""
        logits = self.student(batch.images)
        seen, _ = batch.split(logits)
        target, feature = self.teach(batch.images)
        weight = self.params.consistency * warmup(self.clock(step), self.params.rampup)
        inconsistency = weighted_inconsistency(probabilities(logits), target, feature, self.params.price)
        return {
            "cross_entropy": self.params.supervised * cross_entropy(seen, batch.labels),
            "dice": self.params.supervised * supervised_dice(seen, batch.labels),
            "inconsistency": weight * inconsistency,
        }

    def teach(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean over the passes of the class probabilities and of the softmax over the feature's channels."""
        forwards, copies = self.params.forwards, self.params.copies
        passes = self.teacher.passes(images, forwards, copies)
        means = [[mean_softmax(output, copies) for output in outputs] for outputs in passes]
        target, feature = (sum(parts) / forwards for parts in zip(*means, strict=True))
        return target, feature

    def after_step(self, step: int) -> None:
        """Let the teacher follow the student."""
        self.teacher.follow(self.student, step)

    @property
    def predictor(self) -> nn.Module:
        """The student."""
        return Predictor(self.student)


def mean_softmax(outputs: Tensor, copies: int) -> Tensor:
    """Return the mean over the copies of the softmax over the channels: ``(copies * B, C, *S)`` to ``(B, C, *S)``.

    Image by image, since all of 16 channels at once do not fit a processor's cache: 1.5 times as fast on a CPU.
    """
    total = outputs.new_zeros(len(outputs) // copies, *outputs.shape[1:], dtype=torch.float32)
    for copy in outputs.chunk(copies):
        for part, image in zip(total, copy, strict=True):
            part += torch.softmax(image.float(), dim=0)
    return total / copies


def relative_entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy over the channels, ``(B, *S)``, as a share of the largest: 0 for certainty, 1 for none."""
    return information(probabilities).sum(dim=1) / math.log(probabilities.shape[1])


def weighted_inconsistency(student: Tensor, teacher: Tensor, feature: Tensor, price: float) -> Tensor:
    """Return ``mean_b [exp(-F_b) mean_v (exp(-u_v - e_v) d_v + price * e_v)]``.

    d is half the squared difference of student and teacher, u and e are the relative entropies of teacher and student,
    F the mean relative entropy of the feature. The student may discount a difference by being uncertain, and pays for
    it (the attenuation of Kendall and Gal, NeurIPS 2017).

    Parameters
    ----------
    student, teacher : Tensor
        Probabilities ``(B, C, *S)``; only the student carries a gradient.
    feature : Tensor
        Probabilities over the K channels of a feature, ``(B, K, *S)``.
    price : float
        Weight of the student's entropy, >= 0.

    Returns
    -------
    Tensor
        In [0, 1 + price]; 0 if student and teacher are certain and agree.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"expected equal shapes, found {tuple(student.shape)} and {tuple(teacher.shape)}")
    difference = (student - teacher).square().sum(dim=1) / 2
    own, others = relative_entropy(student), relative_entropy(teacher)
    per_voxel = torch.exp(-others - own) * difference + price * own
    per_case = relative_entropy(feature).flatten(1).mean(dim=1)
    return (torch.exp(-per_case) * per_voxel.flatten(1).mean(dim=1)).mean()
