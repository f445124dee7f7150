"""A network with a second head for signed distances, as SASSNet and DTC have it."""

import torch
from torch import Tensor, nn

from dmd.data.distance import signed_distances
from dmd.networks.build import Build


class LevelSetNetwork(nn.Module):
    """A run's network with two heads on its last feature: segmentation logits and signed distance maps.

    The maps of the C - 1 foreground classes pass through tanh, so that they lie in (-1, 1), negative inside
    (kleinzcy/SASSnet:code/networks/vnet_sdf.py).
    """

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.classes = build.classes
        self.network = build.network(build.classes - 1, build.logit_channels)

    def distances(self, labels: Tensor) -> Tensor:
        """Return what the maps of ``labels (L, *S)`` should be: the signed distances ``(L, C - 1, *S)``."""
        return torch.from_numpy(signed_distances(labels.numpy(), self.classes))

    def maps_and_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps ``(B, C - 1, *S)``, float32, and the logits ``(B, K, *S)``."""
        maps, logits = self.network(images)
        return torch.tanh(maps.float()), logits

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, which alone are evaluated."""
        return self.maps_and_logits(images)[1]
