"""Loss terms as pure functions of logits or probabilities ``(B, C, *S)`` and labels ``(B, *S)``.

Every function first requires equal shapes: a silent broadcast of predictions ``(B, 1, *S)`` against labels
``(B, *S)`` would pair every prediction with every label. No case at all is refused too: its mean is not a number,
and the smoothing of a Dice would call it perfect. Everything is computed in float32 whatever comes in:
inputs are converted, and none of the operations used is one that autocast would lower again.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def require_same_shape(first: Tensor, second: Tensor) -> None:
    """Raise a `ValueError` unless two tensors have one shape, with at least one element."""
    if first.shape != second.shape:
        raise ValueError(f"expected equal shapes, found {tuple(first.shape)} and {tuple(second.shape)}")
    if not first.numel():
        raise ValueError(f"expected at least one case, found shape {tuple(first.shape)}: a part of the batch is empty")


def probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``sigmoid(z / T)`` for one channel, else ``softmax(z / T)`` over the channels.

    Parameters
    ----------
    logits : Tensor
        z, ``(B, C, *S)``. A single channel is the foreground's.
    temperature : float
        T > 0. T -> infinity gives 1/2 (one channel) or 1/C everywhere, T -> 0 the hard decision.

    Notes
    -----
    Xie et al. 2023, Eqs. 3 and 4.

    >>> probabilities(torch.tensor([[[0.0, 2.0]]]), temperature=2.0)
    tensor([[[0.5000, 0.7311]]])
    """
    softened = logits.float() / temperature
    return torch.sigmoid(softened) if logits.shape[1] == 1 else torch.softmax(softened, dim=1)


def dice_squared(first: Tensor, second: Tensor, smoothing: float = 1e-5) -> Tensor:
    """Return ``D2 = 1 - (2 sum(ab) + e) / (sum(a^2) + sum(b^2) + e)``.

    One ratio over all elements, batch included. In [0, 1] for probabilities. D2(a, a) = 0 for every a, soft
    or hard: it asks for agreement, not for confidence.

    Notes
    -----
    Milletari et al. 2016; Xie et al. 2023, Eqs. 5 and 6; smoothing as in yulequan/UA-MT:code/utils/losses.py.

    >>> half = torch.full((4,), 0.5)
    >>> dice_squared(half, half).item()
    0.0
    """
    require_same_shape(first, second)
    a, b = first.float(), second.float()
    return 1 - (2 * (a * b).sum() + smoothing) / (a.square().sum() + b.square().sum() + smoothing)


def dice_linear(first: Tensor, second: Tensor, smoothing: float = 1e-8) -> Tensor:
    """Return ``D1 = 1 - (2 sum(ab) + e) / (sum(a) + sum(b) + e)``.

    One ratio over all elements, batch included. In [0, 1] for probabilities. D1(a, a) = 0 only for hard a: it
    also asks for confidence.

    Notes
    -----
    ycwu1997/MC-Net:code/utils/losses.py.

    >>> half = torch.full((4,), 0.5)
    >>> dice_linear(half, half).item()
    0.5
    """
    require_same_shape(first, second)
    a, b = first.float(), second.float()
    return 1 - (2 * (a * b).sum() + smoothing) / (a.sum() + b.sum() + smoothing)


def dice_half(first: Tensor, second: Tensor, smoothing: float = 1e-10) -> Tensor:
    """Return ``Dh = 1 - sum(ab) / (sum(a^2) + sum(b^2) + e)``: D2 without its factor 2.

    In [0.5, 1] for probabilities: the optimum is 0.5, the gradient half of D2's. As released in the 2-D code
    of MC-Net (ycwu1997/MC-Net:code/utils/losses.py).

    >>> ones = torch.ones(4)
    >>> dice_half(ones, ones).item()
    0.5
    """
    require_same_shape(first, second)
    a, b = first.float(), second.float()
    return 1 - (a * b).sum() / (a.square().sum() + b.square().sum() + smoothing)


def mean_over_classes(loss: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor) -> Tensor:
    """Return the mean over the channels c of ``loss(a_c, b_c)``, background included; both ``(B, C, *S)``."""
    require_same_shape(first, second)
    return torch.stack([loss(a, b) for a, b in zip(first.unbind(1), second.unbind(1), strict=True)]).mean()


def multiclass(loss: Callable[[Tensor, Tensor], Tensor], probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over all classes, background included, of ``loss(p_c, [y = c])``.

    Parameters
    ----------
    loss : callable
        A two-class loss such as `dice_squared`.
    probabilities : Tensor
        ``(B, C, *S)``.
    labels : Tensor
        ``(B, *S)`` integers in 0..C-1.
    """
    require_same_shape(probabilities[:, 0], labels)
    truth = torch.stack([labels == index for index in range(probabilities.shape[1])], dim=1)
    return mean_over_classes(loss, probabilities, truth)


def supervised_dice(logits: Tensor, labels: Tensor, smoothing: float = 1e-5) -> Tensor:
    """Return the squared Dice loss of the predictions against the labels, in [0, 1].

    Of the foreground where there are one (sigmoid) or two (softmax) channels, as
    yulequan/UA-MT:code/train_LA.py; with more, the mean over all classes, as
    HiLab-git/SSL4MIS:code/utils/losses.py.

    Parameters
    ----------
    logits : Tensor
        ``(B, C, *S)``.
    labels : Tensor
        ``(B, *S)`` integers.
    smoothing : float
        e of `dice_squared`.
    """

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return dice_squared(a, b, smoothing)

    predicted = probabilities(logits)
    if logits.shape[1] > 2:
        return multiclass(loss, predicted, labels)
    return loss(predicted[:, -1], labels)


def linear_dice(predicted: Tensor, labels: Tensor, several: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the linear Dice loss of the foreground of two classes; of more, the mean over all classes of ``several``.

    MC-Net and SS-Net are supervised so, each with a loss of its own for several classes (ycwu1997/MC-Net and
    ycwu1997/SS-Net:code/train_*_3d.py, code/train_*_2d.py).

    Parameters
    ----------
    predicted : Tensor
        Probabilities ``(B, C, *S)``.
    labels : Tensor
        ``(B, *S)`` integers.
    several : callable
        A two-class loss such as `dice_half`.
    """
    if predicted.shape[1] == 2:
        return dice_linear(predicted[:, 1], labels, smoothing=1e-8)
    return multiclass(several, predicted, labels)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return ``mean_v[-ln p_y]``, natural logarithm, >= 0, ln C for equal logits.

    ``logits`` are ``(B, C, *S)``, ``labels`` ``(B, *S)`` int64. p = softmax(z); a single channel is the foreground's:
    p_1 = sigmoid(z), ln 2 at z = 0.
    """
    require_same_shape(logits[:, 0], labels)
    if logits.shape[1] == 1:
        return binary_cross_entropy_from_logits(logits[:, 0], labels)
    return functional.cross_entropy(logits.float(), labels)


def binary_cross_entropy_from_logits(logits: Tensor, target: Tensor) -> Tensor:
    """Return ``mean[-t ln sigmoid(z) - (1 - t) ln(1 - sigmoid(z))]``, t in [0, 1], >= 0, ln 2 at z = 0."""
    require_same_shape(logits, target)
    return functional.binary_cross_entropy_with_logits(logits.float(), target.float())


def hard_cross_entropy(logits: Tensor, teacher: Tensor) -> Tensor:
    """Return the cross-entropy of ``logits`` against the hard labels of ``teacher``, which carry no gradient.

    One channel: label [z > 0], i.e. p > 1/2; several: argmax. Mean over voxels (Chen et al. 2021, Eq. 3).
    """
    require_same_shape(logits, teacher)
    if logits.shape[1] == 1:
        return binary_cross_entropy_from_logits(logits, teacher.detach() > 0)
    return cross_entropy(logits, teacher.detach().argmax(dim=1))


def sharpen(p: Tensor, temperature: float) -> Tensor:
    """Return ``p^(1/T) / (p^(1/T) + (1 - p)^(1/T))``, element by element.

    T in (0, 1]: T = 1 is the identity, T -> 0 the threshold at 1/2. Several classes are not renormalised.

    Notes
    -----
    Wu et al. 2021, Eq. 2; ycwu1997/MC-Net:code/train_mcnet_3d.py. Dividing p and 1 - p by the larger of them
    leaves the ratio and its gradient as they are and keeps the denominator >= 1, where the plain form reaches
    0/0 for small T.

    >>> sharpen(torch.tensor([0.0, 0.4, 0.5, 1.0]), 0.5)
    tensor([0.0000, 0.3077, 0.5000, 1.0000])
    """
    p = p.float()
    larger = torch.maximum(p, 1 - p).detach()
    inside, outside = (p / larger) ** (1 / temperature), ((1 - p) / larger) ** (1 / temperature)
    return inside / (inside + outside)


def mean_squared(first: Tensor, second: Tensor) -> Tensor:
    """Return ``mean[(a - b)^2]`` over all elements; in [0, 1] for probabilities."""
    require_same_shape(first, second)
    return (first.float() - second.float()).square().mean()


def information(probabilities: Tensor, smoothing: float = 1e-6) -> Tensor:
    """Return ``-p_c ln(p_c + e)`` of every class, ``(B, C, *S)`` as given; the sum over c is the entropy in nats.

    Each in [-e, 1/e] and 0 at p = 0; the sum reaches ln C at p = 1/C. The smoothing is what the published codes have:
    1e-6 in yulequan/UA-MT:code/train_LA_meanteacher_certainty_unlabel.py.

    >>> information(torch.full((1, 2, 1), 0.5)).sum(dim=1)
    tensor([[0.6931]])
    """
    p = probabilities.float()
    return -p * torch.log(p + smoothing)


def masked_squared(first: Tensor, second: Tensor, mask: Tensor, divisor: float = 2) -> Tensor:
    """Return ``sum_v m_v sum_c (a_vc - b_vc)^2 / (d sum_v m_v)``; in [0, 2 / d] for probabilities, 0 for an empty mask.

    ``first`` and ``second`` are ``(B, C, *S)``, ``mask`` is ``(B, *S)`` bool. The divisor d is 2 for any number of
    classes in HiLab-git/SSL4MIS:code/train_uncertainty_aware_mean_teacher_2D.py.

    >>> one, none = torch.tensor([[[1.0, 0.6], [0.0, 0.4]]]), torch.zeros(1, 2, 2)
    >>> masked_squared(one, none, torch.tensor([[True, False]])).item()
    0.5
    """
    require_same_shape(first, second)
    require_same_shape(first[:, 0], mask)
    squared = (first.float() - second.float()).square().sum(dim=1)
    return (mask * squared).sum() / (divisor * mask.sum().clamp(min=1))
