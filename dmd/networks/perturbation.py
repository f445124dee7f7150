"""Virtual adversarial perturbation: the direction in image space that changes a prediction most."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def adversarial_direction(distance: Callable[[Tensor], Tensor], images: Tensor, probe: float) -> Tensor:
    """Return ``d = unit(grad_d distance(x + probe * d))`` from a random d: one power iteration.

    Parameters
    ----------
    distance : callable
        Perturbed images to a number: how far their prediction is from that of the images.
    images : Tensor
        x, ``(B, 1, *S)``.
    probe : float
        Length of the first, random step per sample (xi), in units of the images.

    Returns
    -------
    Tensor
        ``(B, 1, *S)``, of length 1 per sample, without gradient; 0 where the prediction does not react at all.

    Notes
    -----
    Miyato et al., TPAMI 2019; the start is uniform and the length kept above 1e-8 as in
    ycwu1997/SS-Net:code/utils/losses.py. Gradients of the parameters are not touched.
    """
    direction = unit(torch.rand_like(images) - 0.5).requires_grad_()
    (gradient,) = torch.autograd.grad(distance(images + probe * direction), direction)
    return unit(gradient)


def unit(vectors: Tensor, smallest: float = 1e-8) -> Tensor:
    """Return ``v / (|v| + smallest)`` per sample; ``vectors`` are ``(B, ...)``.

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    lengths = vectors.flatten(1).norm(dim=1).reshape(-1, *[1] * (vectors.dim() - 1))
    return vectors / (lengths + smallest)


@contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Keep the running statistics of all batch norms as they are; in training batch statistics are still used."""
    tracking = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    for layer in tracking:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True
