"""SS-Net: predictions smooth under adversarial noise, features near the prototypes of their class (Wu et al. 2022)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmd.data.batches import Batch
from dmd.devices import return_freed_memory
from dmd.losses import dice_linear, dice_squared, linear_dice, mean_over_classes, probabilities
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.networks.perturbation import adversarial_direction, frozen_statistics
from dmd.planning.bounds import NonNegative, Positive, Several, Truth
from dmd.schedules import warmup

TRIM_EVERY = 10  # steps; takes 1 % of their time, and halves the memory (docs/performance.md)
FEATURES = 32  # width of the projected features (ycwu1997/SS-Net:code/networks/VNet.py)


@dataclass(frozen=True)
class Params:
    """Weights, the adversarial noise and the prototypes.

    ``consistency`` is the maximum of the warm-up over ``rampup`` units of 150 iterations, ``separation`` weighs the
    class separation against the smoothness. ``probe`` (xi) and ``magnitude`` (epsilon) are the lengths of the first
    and of the adversarial noise per sample. A class has at most ``prototypes`` of them, those of ``lowest`` (the
    released code) or ``highest`` score (its comments) as ``ranking`` says. The closeness is divided by the number C of
    all classes, as released, or of the foreground's if ``foreground_mean`` is true.
    """

    consistency: NonNegative
    rampup: Positive
    separation: NonNegative
    probe: Positive
    magnitude: NonNegative
    prototypes: Several
    ranking: Literal["lowest", "highest"]
    foreground_mean: Truth | None


class Memory(nn.Module):
    """Prototypes per class: ``features (C, N, F)``, of which the first ``counts[c]`` are filled; part of the state."""

    features: Tensor
    counts: Tensor

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.register_buffer("features", torch.zeros(classes, size, FEATURES))
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))

    def replace(self, index: int, features: Tensor) -> None:
        """Let ``features (n, F)``, n <= N, be the only prototypes of a class."""
        self.features[index].zero_()
        self.features[index, : len(features)] = features
        self.counts[index] = len(features)

    def __getitem__(self, index: int) -> Tensor:
        return self.features[index, : self.counts[index]]


class SSNet(Method):
    """Minimise ``Dice(p, y) + w * [smoothness + separation * (closeness_labelled + closeness_unlabelled)]``.

    ``smoothness`` is the Dice loss between the prediction of the whole batch, without gradient, and that under
    adversarial noise, whose passes leave the statistics of batch norm alone. ``closeness`` is

        (1 / C) * sum_c mean over i in c, j in prototypes(c) of w_i * (1 - cos(q_i, m_j)),

    with q the predicted features of all voxels, those of unlabelled cases by their own hard labels, and w_i from a
    learned selector, of mean 1. The prototypes of a foreground class are replaced in every step by projections of
    labelled voxels that are predicted rightly, and kept if there are none; a class with fewer than two
    prototypes or voxels adds nothing. ``w = consistency * ramp(iteration // 150, rampup)``
    (ycwu1997/SS-Net:code/train_ss_3d.py, code/train_ss_2d.py, code/utils).
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.network = build.network(build.classes)
        self.projection = _perceptron(build.width, FEATURES, nn.ReLU(inplace=True))
        self.prediction = _perceptron(FEATURES, FEATURES, nn.ReLU(inplace=True))
        # Of the background too, as released, though it never has a prototype.
        self.selectors = nn.ModuleList(
            _perceptron(FEATURES, 1, nn.LeakyReLU(0.2, inplace=True)) for _ in range(build.classes)
        )
        self.memory = Memory(build.classes, params.prototypes)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the supervised Dice, the smoothness and the closeness of labelled and unlabelled features."""
        feature = self.network.decoder(self.network.encoder(batch.images))
        logits = self.network.heads[0](feature)
        labelled, unlabelled = batch.split(feature)
        predicted, pseudo_labels = batch.split(logits.detach().argmax(dim=1))
        self._remember(labelled.detach(), predicted, batch.labels)
        weight = self.params.consistency * warmup(self.clock(step), self.params.rampup)
        separation = weight * self.params.separation
        return {
            "dice": linear_dice(probabilities(logits[: len(batch.labels)]), batch.labels, _squared),
            "closeness_labelled": separation * self._closeness(labelled, batch.labels),
            "closeness_unlabelled": separation * self._closeness(unlabelled, pseudo_labels),
            "smoothness": weight * self._smoothness(batch.images),
        }

    @torch.no_grad()
    def _remember(self, feature: Tensor, predicted: Tensor, labels: Tensor) -> None:
        """Replace the prototypes of every foreground class of which a voxel is predicted rightly."""
        vectors = _vectors(feature)
        self.projection.eval()
        for index in range(1, len(self.selectors)):
            found = vectors[((labels == index) & (predicted == index)).flatten()]
            if len(found) > 0:
                self.memory.replace(index, self._select(index, self.projection(found)))
        self.projection.train(self.training)

    def _select(self, index: int, projected: Tensor) -> Tensor:
        if len(projected) <= self.params.prototypes:
            return projected
        scores = self.selectors[index](projected)[:, 0]
        return projected[scores.topk(self.params.prototypes, largest=self.params.ranking == "highest").indices]

    def _closeness(self, feature: Tensor, labels: Tensor) -> Tensor:
        total = torch.zeros((), device=feature.device)
        features, labels = self.prediction(self.projection(_vectors(feature))), labels.flatten()
        for index, selector in enumerate(self.selectors):
            prototypes = self.memory[index]
            # Asked first: gathering the voxels of the background, most of all, would be for nothing.
            members = features[labels == index] if len(prototypes) > 1 else features[:0]
            if len(members) > 1:
                total = total + _weighted_distance(members, prototypes, selector(members.detach()))
        return total / (len(self.selectors) - bool(self.params.foreground_mean))

    def _smoothness(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            reference = probabilities(self.network(images))

        def distance(perturbed: Tensor) -> Tensor:
            return _distance(probabilities(self.network(perturbed)), reference)

        with frozen_statistics(self.network):
            direction = adversarial_direction(distance, images, self.params.probe)
            return distance(images + self.params.magnitude * direction)

    def after_step(self, step: int) -> None:
        """Return freed memory now and then: tensors of a class's voxels have other sizes in every step."""
        if step % TRIM_EVERY == 0:
            return_freed_memory()

    @property
    def predictor(self) -> nn.Module:
        """The network."""
        return Predictor(self.network)


def _perceptron(inputs: int, outputs: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, FEATURES), nn.BatchNorm1d(FEATURES), activation, nn.Linear(FEATURES, outputs)
    )


def _vectors(feature: Tensor) -> Tensor:
    """Return ``(B, F, *S)`` as one vector per voxel, ``(B * |S|, F)``."""
    return feature.movedim(1, -1).reshape(-1, feature.shape[1])


def _weighted_distance(members: Tensor, prototypes: Tensor, scores: Tensor) -> Tensor:
    """Return the mean over members i and prototypes j of ``w_i (1 - cos(q_i, m_j))``, w = sigmoid(score) of mean 1.

    The mean over j is taken of the unit prototypes, which is the same and needs no matrix of all pairs.
    """
    weights = torch.sigmoid(scores.float()[:, 0])
    centre = functional.normalize(prototypes, dim=1).mean(dim=0)
    cosines = (functional.normalize(members.float(), dim=1) * centre).sum(dim=1)
    return (weights * (1 - cosines)).mean() / weights.mean()


def _distance(predicted: Tensor, reference: Tensor) -> Tensor:
    """Return the Dice loss of two predictions, over both channels jointly or as mean over several classes."""
    if predicted.shape[1] == 2:
        return dice_linear(predicted, reference, smoothing=1e-8)
    return mean_over_classes(_squared, predicted, reference)


def _squared(first: Tensor, second: Tensor) -> Tensor:
    return dice_squared(first, second, smoothing=1e-10)
