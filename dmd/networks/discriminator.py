"""Discriminators of the adversarial methods, and how to ask one without teaching it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from torch import Tensor, nn

SLOPE = 0.2  # of every leaky ReLU below zero


def _convolution(dimensions: int, channels_in: int, channels_out: int) -> nn.Module:
    """Return a convolution that halves the resolution."""
    convolution = nn.Conv3d if dimensions == 3 else nn.Conv2d
    return convolution(channels_in, channels_out, kernel_size=4, stride=2, padding=1)


class PairDiscriminator(nn.Module):
    """Which kind of case a map ``(B, K, *S)`` of an image ``(B, 1, *S)`` comes from: logits ``(B, 2)``.

    Four halvings with 64, 128, 256, 512 channels, of which map and image have one each of the first; average pooling to
    one cell (3-D: all of the 7 x 7 x 5 at a patch of 112 x 112 x 80) or 2 x 2 cells (2-D); a linear layer. Any
    image size >= 16 gives logits of the same number of weights.

    Notes
    -----
    3-D: kleinzcy/SASSnet:code/networks/discriminator.py, FC3DDiscriminator. 2-D: HiLab-git/SSL4MIS:code/networks/
    discriminator.py, FCDiscriminator, which has no activation after the sum and pools windows of 7 x 7: at 256 x 256
    its four cells leave out the last two rows and columns of 16; ours are halves of the whole.
    """

    def __init__(self, dimensions: int, channels: int, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        drop, pool, cells = (
            (nn.Dropout3d, nn.AdaptiveAvgPool3d, 1) if dimensions == 3 else (nn.Dropout2d, nn.AdaptiveAvgPool2d, 2)
        )
        widths = [width * 2**level for level in range(4)]
        self.map = _convolution(dimensions, channels, width)
        self.image = _convolution(dimensions, 1, width)
        layers: list[nn.Module] = [nn.LeakyReLU(SLOPE), drop(dropout)] if dimensions == 3 else []
        for before, after in pairwise(widths):
            layers += [_convolution(dimensions, before, after), nn.LeakyReLU(SLOPE), drop(dropout)]
        # No dropout before the pooling.
        self.body = nn.Sequential(*layers[:-1], pool(cells), nn.Flatten())
        self.classifier = nn.Linear(widths[-1] * cells**dimensions, 2)

    def forward(self, maps: Tensor, images: Tensor) -> Tensor:
        """Return the logits."""
        return self.classifier(self.body(self.map(maps) + self.image(images)))


class VoxelDiscriminator(nn.Module):
    """Where class probabilities ``(B, C, *S)`` look like a label map: logits ``(B, 1, *S)``.

    Four halvings with 64, 128, 256 and 1 channels, then linear interpolation x16 (align_corners).

    Notes
    -----
    kleinzcy/SASSnet:code/networks/discriminator.py, FCDiscriminatorDAP, without its final sigmoid, which the losses
    contain. Its 2-D parent, hfslyc/AdvSemiSeg:model/discriminator.py, has one level more.
    """

    def __init__(self, dimensions: int, channels: int, width: int = 64) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 4 * width, 1]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [_convolution(dimensions, before, after), nn.LeakyReLU(SLOPE)]
        mode = "trilinear" if dimensions == 3 else "bilinear"
        self.body = nn.Sequential(*layers[:-1], nn.Upsample(scale_factor=16, mode=mode, align_corners=True))

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits."""
        return self.body(probabilities)


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, its weights without gradients; gradients still pass through to its inputs."""
    mode = network.training
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(mode).requires_grad_(True)
