"""How far two temperature-softened predictions are apart: what mutual distillation minimises."""

import torch
from torch import Tensor
from torch.nn import functional

from dmd.losses import dice_squared, mean_over_classes, probabilities, require_same_shape


def dice_distance(
    logits_1: Tensor, logits_2: Tensor, temperature: float, smoothing: float = 1e-5, background: bool = True
) -> Tensor:
    """Return the squared Dice loss between two temperature-softened predictions.

    Symmetric, in [0, 1], 0 for equal predictions however uncertain; T -> infinity gives 0. With several
    channels the mean over all classes, or all but the background (our choices; Xie et al. 2023 leave it open).

    Notes
    -----
    Xie et al. 2023, Eq. 6; one ratio over the whole batch as in
    SilenceMonk/Dual-Mutual-Distillation:train_dmd.py.
    """

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return dice_squared(a, b, smoothing)

    first, second = (probabilities(logits, temperature) for logits in (logits_1, logits_2))
    if not background and first.shape[1] > 1:
        first, second = first[:, 1:], second[:, 1:]
    return mean_over_classes(loss, first, second)


def kl_released(logits_1: Tensor, logits_2: Tensor, temperature: float) -> Tensor:
    """Return the two-way KL term as released: ``mean[(q1 - q2) (ln q1 - ln q2)]``, q = sigmoid(z / T).

    The terms in 1 - q that would make it a divergence of Bernoulli distributions are missing there;
    `kl_bernoulli` has them. With several channels nothing is missing and both are the same. Symmetric, >= 0,
    0 for equal predictions, unbounded; T -> infinity gives 0. No factor T^2; gradients to both sides.

    Notes
    -----
    SilenceMonk/Dual-Mutual-Distillation:train_dmd.py at a5609d2.
    """
    require_same_shape(logits_1, logits_2)
    if logits_1.shape[1] > 1:
        return kl_bernoulli(logits_1, logits_2, temperature)
    return _two_way(*(functional.logsigmoid(logits.float() / temperature) for logits in (logits_1, logits_2)))


def kl_bernoulli(logits_1: Tensor, logits_2: Tensor, temperature: float) -> Tensor:
    """Return ``KL(q1 || q2) + KL(q2 || q1)`` per voxel, natural logarithm, mean over voxels.

    One channel: q = sigmoid(z / T), ``mean[(q1 - q2) (z1 - z2)] / T``. Several: q = softmax(z / T), the sum
    over all classes ``mean_v sum_c (q1 - q2) (ln q1 - ln q2)`` (our choice; nothing is published for it).
    Symmetric, >= 0, 0 for equal predictions, unbounded; T -> infinity gives 0. No factor T^2; gradients to
    both sides.

    Notes
    -----
    Zhang et al. 2018, section 2.2.
    """
    require_same_shape(logits_1, logits_2)
    return _two_way(*(_log_probabilities(logits.float() / temperature) for logits in (logits_1, logits_2)))


def _log_probabilities(logits: Tensor) -> Tensor:
    """Return ln q of every class, foreground and background for a single channel."""
    if logits.shape[1] == 1:
        return torch.cat([functional.logsigmoid(logits), functional.logsigmoid(-logits)], dim=1)
    return torch.log_softmax(logits, dim=1)


def _two_way(log_1: Tensor, log_2: Tensor) -> Tensor:
    """Return ``mean_v sum_c (q1 - q2) (ln q1 - ln q2)``; no element is negative, whatever the rounding."""
    return ((log_1.exp() - log_2.exp()) * (log_1 - log_2)).sum(dim=1).mean()
