"""The 2-D U-Net of the ACDC literature (HiLab-git/SSL4MIS:code/networks/unet.py), in composable parts.

Five levels with 1, 2, 4, 8, 16 times ``width`` channels; skip connections are concatenated. Image sizes must
be divisible by 16.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

LEVELS = 5
# Dropout of the levels relative to the deepest: 0.05, 0.1, 0.2, 0.3, 0.5 in the released code.
RELATIVE_DROPOUT = (0.1, 0.2, 0.4, 0.6, 1.0)
UPSAMPLINGS = ("bilinear", "transposed", "nearest")


def _block(channels_in: int, channels_out: int, dropout: float) -> nn.Sequential:
    """Return twice 3x3 convolution, batch norm, leaky ReLU, with element-wise dropout in between."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.01, inplace=True),
        nn.Dropout(dropout),
        nn.Conv2d(channels_out, channels_out, 3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.01, inplace=True),
    )


def _up(channels_in: int, channels_out: int, upsampling: str) -> nn.Module:
    """Return a doubling of the resolution: transposed convolution, or 1x1 convolution and interpolation."""
    if upsampling == "transposed":
        return nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
    align = {"align_corners": True} if upsampling == "bilinear" else {}
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1), nn.Upsample(scale_factor=2, mode=upsampling, **align))


class UNetEncoder(nn.Module):
    """Images ``(B, in_channels, *S)`` to the features of five levels, full resolution first.

    Level k has ``2^k * width`` channels at 1 / 2^k of the resolution. ``dropout`` is the rate of the deepest
    level.
    """

    def __init__(self, in_channels: int = 1, width: int = 16, dropout: float = 0.5) -> None:
        super().__init__()
        channels = [in_channels] + [width * 2**level for level in range(LEVELS)]
        self.blocks = nn.ModuleList(
            _block(before, after, dropout * relative)
            for (before, after), relative in zip(pairwise(channels), RELATIVE_DROPOUT, strict=True)
        )
        self.down = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the five features."""
        features = [self.blocks[0](images)]
        for block in self.blocks[1:]:
            features.append(block(self.down(features[-1])))
        return features


class UNetDecoder(nn.Module):
    """Features of a `UNetEncoder` to the last feature ``(B, width, *S)``; no dropout.

    ``bilinear`` is the U-Net's own; MC-Net adds ``transposed`` and ``nearest``
    (ycwu1997/MC-Net:code/networks/unet.py).
    """

    def __init__(self, width: int = 16, upsampling: str = "bilinear") -> None:
        super().__init__()
        channels = [width * 2**level for level in reversed(range(LEVELS))]
        pairs = list(pairwise(channels))
        self.ups = nn.ModuleList(_up(deep, shallow, upsampling) for deep, shallow in pairs)
        self.blocks = nn.ModuleList(_block(2 * shallow, shallow, dropout=0.0) for _, shallow in pairs)

    def features(self, features: list[Tensor]) -> list[Tensor]:
        """Return the feature of every level, deepest first; the last has the resolution of the images."""
        *skips, feature = features
        found = []
        for up, block, skip in zip(self.ups, self.blocks, reversed(skips), strict=True):
            feature = block(torch.cat([skip, up(feature)], dim=1))
            found.append(feature)
        return found

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return the last feature."""
        return self.features(features)[-1]


class UNetHead(nn.Conv2d):
    """3x3 convolution from the last feature to ``channels`` outputs."""

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__(width, channels, kernel_size=3, padding=1)
