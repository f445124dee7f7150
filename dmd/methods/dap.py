"""DAP: adversarial training with a deep atlas prior (Zheng et al., MICCAI 2019), reconstructed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmd.data.atlas import atlas, surprise
from dmd.data.batches import Batch, Extras
from dmd.data.store import Case
from dmd.losses import binary_cross_entropy_from_logits
from dmd.methods.base import Predictor
from dmd.methods.families.adversarial import Adversarial
from dmd.networks.build import Build
from dmd.networks.discriminator import VoxelDiscriminator, held
from dmd.planning.bounds import Natural, NonNegative, Positive, Share


@dataclass(frozen=True)
class Params:
    """Weights of the terms and the discriminator's learning rate.

    ``focusing`` is the exponent of both weights of the supervised term; ``adversarial_labelled`` and
    ``adversarial_unlabelled`` weigh the discriminator's opinion, ``self_training`` the segmenter's own hard labels
    where that opinion exceeds ``threshold``, from the paper's iteration ``self_training_from`` on.
    """

    focusing: NonNegative
    adversarial_labelled: NonNegative
    adversarial_unlabelled: NonNegative
    self_training: NonNegative
    self_training_from: Natural
    threshold: Share
    discriminator_rate: Positive


class DAP(Adversarial):
    """Minimise ``Bayes(p, y) + a BCE(D(p_L), 1) + b BCE(D(p_U), 1) + c CE(p_U, argmax p_U)[D(p_U) > threshold]``.

    `bayesian` sees the labelled cases, with an atlas of their own label maps; the last term is the mean over the
    voxels that the discriminator D takes for true. D learns to tell label maps (1) from probabilities of all
    cases (0), voxel by voxel. The authors published no code: the adversarial scheme, which they name, is that of
    hfslyc/AdvSemiSeg:train.py; the supervised term and the atlas are our reading.
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock, self.classes = params, build.clock, build.classes
        self.segmenter = build.network(build.classes)
        self.discriminator = VoxelDiscriminator(build.dimensions, build.classes)

    def extras(self, labelled: list[Case]) -> Extras:
        """Return how unlikely the atlas of all labelled cases finds each label."""
        prior = atlas([case.label for case in labelled], self.classes)
        return {"surprise": [surprise(prior, case.label) for case in labelled]}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the supervised term, the two adversarial ones and self-training."""
        logits = self.segmenter(batch.images).float()
        seen, unseen = batch.split(logits)
        probabilities = torch.softmax(logits, dim=1)
        self.predicted = probabilities.detach()
        with held(self.discriminator):
            judged = self.discriminator(probabilities)
        judged_seen, judged_unseen = batch.split(judged)
        trusted = torch.sigmoid(judged_unseen[:, 0].detach().float()) > self.params.threshold
        started = self.clock(step) >= self.params.self_training_from
        return {
            "bayesian": bayesian(seen, batch.labels, batch.extras["surprise"], self.params.focusing),
            "adversarial_labelled": self.params.adversarial_labelled * _against(judged_seen, 1.0),
            "adversarial_unlabelled": self.params.adversarial_unlabelled * _against(judged_unseen, 1.0),
            "self_training": self.params.self_training * started * self_training(unseen, trusted),
        }

    def shown(self, images: Tensor) -> Tensor:
        """Return the class probabilities that the segmenter was trained on, those from before its step."""
        return self.predicted

    def discriminator_loss(self, shown: Tensor, batch: Batch) -> Tensor:
        """Return the mean of the cross-entropies of predictions against 0 and of label maps against 1."""
        truth = functional.one_hot(batch.labels, self.classes).movedim(-1, 1).to(shown.dtype)
        return (_against(self.discriminator(shown), 0.0) + _against(self.discriminator(truth), 1.0)) / 2

    @property
    def predictor(self) -> nn.Module:
        """The segmenter."""
        return Predictor(self.segmenter)


def bayesian(logits: Tensor, labels: Tensor, surprise: Tensor, focusing: float) -> Tensor:
    """Return ``mean_v[((1 - p_t)^g + (1 - pi_t)^g) * (-ln p_t)]``, a focal and an atlas weight on one cross-entropy.

    p_t and pi_t are the network's and the atlas's probability of the true class; the weights carry no gradient
    (the network's own probability is that of this step, where the paper speaks of the previous epoch).

    Parameters
    ----------
    logits : Tensor
        ``(L, C, *S)``.
    labels : Tensor
        ``(L, *S)`` int64.
    surprise : Tensor
        ``1 - pi_t`` in [0, 1], ``(L, *S)``.
    focusing : float
        g >= 0; g = 0 is twice the cross-entropy.

    Returns
    -------
    Tensor
        >= 0; 0 for certain and right predictions.

    Raises
    ------
    ValueError
        Labels and surprise differ in shape.
    """
    if labels.shape != surprise.shape:
        raise ValueError(f"expected equal shapes, found {tuple(labels.shape)} and {tuple(surprise.shape)}")
    negative_log = functional.cross_entropy(logits.float(), labels, reduction="none")
    doubt = -torch.expm1(-negative_log.detach())
    return ((doubt**focusing + surprise.float() ** focusing) * negative_log).mean()


def self_training(logits: Tensor, trusted: Tensor) -> Tensor:
    """Return the cross-entropy of ``logits (U, C, *S)`` against their own argmax, mean over ``trusted (U, *S)``.

    0 where nothing is trusted.
    """
    negative_log = functional.cross_entropy(logits.float(), logits.detach().argmax(dim=1), reduction="none")
    return (trusted * negative_log).sum() / trusted.sum().clamp(min=1)


def _against(judged: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_from_logits(judged, torch.full_like(judged, target))
