"""The 3-D V-Net of the left-atrium literature (yulequan/UA-MT:code/networks/vnet.py), in composable parts.

Five levels with 1, 2, 3, 3, 3 convolutions and 1, 2, 4, 8, 16 times ``width`` channels; skip connections are
added, not concatenated; no residual connections. Image sizes must be divisible by 16.
"""

from itertools import pairwise

from torch import Tensor, nn

CONVOLUTIONS = (1, 2, 3, 3, 3)  # per level, from full resolution to the bottleneck
UPSAMPLINGS = ("transposed", "trilinear", "nearest")


def _normalised(convolution: nn.Conv3d | nn.ConvTranspose3d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm3d(convolution.out_channels), nn.ReLU(inplace=True)]


def _block(channels_in: int, channels_out: int, convolutions: int) -> nn.Sequential:
    """Return ``convolutions`` times 3x3x3 convolution, batch norm, ReLU."""
    layers = []
    for index in range(convolutions):
        layers += _normalised(nn.Conv3d(channels_out if index else channels_in, channels_out, 3, padding=1))
    return nn.Sequential(*layers)


def _up(channels_in: int, channels_out: int, upsampling: str) -> nn.Sequential:
    """Return a doubling of the resolution with batch norm and ReLU.

    Only ``transposed`` is V-Net's own; the interpolating ones are MC-Net's further decoders (Wu et al. 2021).
    """
    if upsampling == "transposed":
        return nn.Sequential(*_normalised(nn.ConvTranspose3d(channels_in, channels_out, 2, stride=2)))
    align = {"align_corners": True} if upsampling == "trilinear" else {}
    interpolation = nn.Upsample(scale_factor=2, mode=upsampling, **align)
    return nn.Sequential(interpolation, *_normalised(nn.Conv3d(channels_in, channels_out, 3, padding=1)))


class VNetEncoder(nn.Module):
    """Images ``(B, in_channels, *S)`` to the features of five levels, full resolution first.

    Level k has ``2^k * width`` channels at 1 / 2^k of the resolution. Channel dropout acts on the last, the
    bottleneck; decoders that share an encoder share its mask, as in the released code of MC-Net.
    """

    def __init__(self, in_channels: int = 1, width: int = 16, dropout: float = 0.5) -> None:
        super().__init__()
        channels = [width * 2**level for level in range(len(CONVOLUTIONS))]
        self.blocks = nn.ModuleList(
            _block(in_channels if level == 0 else channels[level], channels[level], convolutions)
            for level, convolutions in enumerate(CONVOLUTIONS)
        )
        self.downs = nn.ModuleList(
            nn.Sequential(*_normalised(nn.Conv3d(shallow, deep, 2, stride=2))) for shallow, deep in pairwise(channels)
        )
        self.dropout = nn.Dropout3d(dropout)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the five features."""
        features = [self.blocks[0](images)]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            features.append(block(down(features[-1])))
        return [*features[:-1], self.dropout(features[-1])]


class VNetDecoder(nn.Module):
    """Features of a `VNetEncoder` to the last feature ``(B, width, *S)``, after its own channel dropout."""

    def __init__(self, width: int = 16, upsampling: str = "transposed", dropout: float = 0.5) -> None:
        super().__init__()
        channels = [width * 2**level for level in reversed(range(len(CONVOLUTIONS)))]
        self.ups = nn.ModuleList(_up(deep, shallow, upsampling) for deep, shallow in pairwise(channels))
        self.blocks = nn.ModuleList(
            _block(shallow, shallow, convolutions)
            for shallow, convolutions in zip(channels[1:], CONVOLUTIONS[-2::-1], strict=True)
        )
        self.dropout = nn.Dropout3d(dropout)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return the last feature."""
        *skips, feature = features
        for up, block, skip in zip(self.ups, self.blocks, reversed(skips), strict=True):
            feature = block(up(feature) + skip)
        return self.dropout(feature)


class VNetHead(nn.Conv3d):
    """1x1x1 convolution from the last feature to ``channels`` outputs."""

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__(width, channels, kernel_size=1)
