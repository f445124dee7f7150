"""What trained networks say about a whole case, as arrays to be drawn and measured; all in evaluation mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dmd.data.store import Case
from dmd.errors import InputError
from dmd.methods.base import Method, Teaching, class_probabilities
from dmd.methods.dmd import DIVERGENCES
from dmd.planning.artefacts import Loss
from dmd.report.panels.tiling import tiled


def pseudo_label(predictor: nn.Module, case: Case, training: dict[str, Any], device: torch.device) -> np.ndarray:
    """Return the foreground ``(X, Y, Z)`` bool that a network would teach with: any class but the background."""
    (probabilities,) = tiled(predictor, case.image, training["patch"], device, training["precision"])
    return _foreground(probabilities)


@dataclass(frozen=True)
class Gradients:
    """``predicted`` foreground of the first peer and, per loss, the ``sizes`` of its gradient, all ``(X, Y, Z)``."""

    predicted: np.ndarray
    sizes: tuple[np.ndarray, ...]


def gradients(
    method: Method, case: Case, losses: Sequence[Loss], training: dict[str, Any], device: torch.device
) -> Gradients:
    r"""Differentiate distillation losses between two peers with respect to the logits of the first.

    .. math:: |g_v| = \Big\| \frac{\partial}{\partial z_{1v}} \lambda\, D(z_1, z_2; T) \Big\|_2

    over the channels of a voxel; the loss is that of the whole case, as a batch of one.
    """
    first, second = _peers(method, case, training, device)
    return Gradients(_foreground(class_probabilities(first)), tuple(_gradient(loss, first, second) for loss in losses))


def _gradient(loss: Loss, first: Tensor, second: Tensor) -> np.ndarray:
    learner = first.detach().requires_grad_()
    value = loss.weight * DIVERGENCES[loss.divergence](learner, second, loss.temperature)
    (gradient,) = torch.autograd.grad(value, learner)
    return gradient[0].norm(dim=0).cpu().numpy()


@dataclass(frozen=True)
class Entropies:
    """Of one peer: ``predicted`` foreground, entropy of its ``prediction`` and of its ``guidance``, ``(X, Y, Z)``."""

    predicted: np.ndarray
    prediction: np.ndarray
    guidance: np.ndarray


def entropies(method: Method, case: Case, training: dict[str, Any], device: torch.device) -> list[Entropies]:
    """Return the entropy in nats, per peer, of what it predicts (T = 1) and of what it teaches."""
    teaching, found = _teaching(method, training), []
    for logits in _peers(method, case, training, device):
        probabilities = class_probabilities(logits)
        pair = (entropy(tensor)[0].cpu().numpy() for tensor in (probabilities, teaching.guidance(logits)))
        found.append(Entropies(_foreground(probabilities), *pair))
    return found


def entropy(probabilities: Tensor) -> Tensor:
    r"""Return ``-sum_c p_c ln p_c`` over the classes of ``(B, C, *S)``, in [0, ln C]; 0 for hard labels.

    >>> entropy(torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    tensor([0.6931, 0.0000])
    """
    return torch.special.entr(probabilities.float()).sum(dim=1)


def _peers(method: Method, case: Case, training: dict[str, Any], device: torch.device) -> list[Tensor]:
    """Return the logits ``(1, K, X, Y, Z)`` of the two peers."""
    peers = tiled(_teaching(method, training).peers, case.image, training["patch"], device, training["precision"])
    return [output[None] for output in peers]


def _teaching(method: Method, training: dict[str, Any]) -> Teaching:
    """Return a method as one whose networks teach each other, where they do."""
    if not isinstance(method, Teaching):
        raise InputError(
            f"method '{training['method']['implementation']}' has no two networks that teach each other, so that there "
            "is no guidance to look at; leave it out of the panel"
        )
    return method


def _foreground(probabilities: Tensor) -> np.ndarray:
    """Return where the most probable class of ``(C, X, Y, Z)`` or ``(1, C, X, Y, Z)`` is not the background."""
    return (probabilities.squeeze(0).argmax(dim=0) > 0).cpu().numpy()
