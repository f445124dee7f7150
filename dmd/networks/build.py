"""What a method is built from: the parts of the run's network and the paper's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from dmd.errors import InputError, nearest
from dmd.networks import unet, vnet
from dmd.planning.trainable import DIMENSIONS

DIVISOR = 16  # both networks halve the resolution four times


class Network(nn.Module):
    """An encoder, a decoder and one or more heads.

    Maps images ``(B, 1, *S)`` to the output ``(B, K, *S)`` of the head, or to a tuple with one output per
    head.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *heads: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder, self.heads = encoder, decoder, nn.ModuleList(heads)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output of the head, or of each head."""
        feature = self.decoder(self.encoder(images))
        outputs = tuple(head(feature) for head in self.heads)
        return outputs if len(outputs) > 1 else outputs[0]


@dataclass(frozen=True)
class Build:
    """The settings of a run that shape a method, and the parts to build it from.

    Every call builds a new part with fresh weights from PyTorch's global generator (default initialisation).

    Attributes
    ----------
    dimensions : int
        3 or 2.
    classes : int
        Number of classes C including the background.
    kind : str
        ``vnet`` (3-D) or ``unet`` (2-D).
    iterations : int
        Steps of the run.
    reference_iterations : int
        Iterations of the same training in the paper.
    width : int
        Channels of the first level.
    dropout : float
        Rate of the deepest level. V-Net also applies it to the last feature; U-Net scales it down for the
        others.
    """

    dimensions: int
    classes: int
    kind: str
    iterations: int
    reference_iterations: int
    width: int = 16
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in DIMENSIONS:
            known = ", ".join(DIMENSIONS)
            raise InputError(f"unknown network '{self.kind}'{nearest(self.kind, DIMENSIONS)}. Known: {known}")
        if self.dimensions != DIMENSIONS[self.kind]:
            raise InputError(
                f"network '{self.kind}' is for {DIMENSIONS[self.kind]}-D images, "
                f"found {self.dimensions}-D data; choose the other network in the data set's protocol"
            )

    @classmethod
    def from_settings(cls, training: dict[str, Any]) -> "Build":
        """Read what shapes the method from the settings of a run.

        Raises
        ------
        InputError
            The network is unknown or does not fit the data's dimensions, or the patch does not fit the
            network.
        """
        check_patch(training["patch"], training["dimensions"])
        return cls(
            dimensions=training["dimensions"],
            classes=training["classes"],
            iterations=training["iterations"],
            reference_iterations=training["reference_iterations"],
            **training["network"],
        )

    @property
    def logit_channels(self) -> int:
        """Fewest channels that tell the classes apart: one (sigmoid) for two classes, else C (softmax)."""
        return 1 if self.classes == 2 else self.classes

    def encoder(self) -> nn.Module:
        """Build an encoder: images ``(B, 1, *S)`` to a list of features."""
        encoder = vnet.VNetEncoder if self.kind == "vnet" else unet.UNetEncoder
        return encoder(width=self.width, dropout=self.dropout)

    def decoder(self, upsampling: str | None = None) -> nn.Module:
        """Build a decoder: a list of features to the last feature ``(B, width, *S)``.

        Parameters
        ----------
        upsampling : str, optional
            V-Net: ``transposed`` (default), ``trilinear``, ``nearest``. U-Net: ``bilinear`` (default),
            ``transposed``, ``nearest``.

        Raises
        ------
        InputError
            The network has no such upsampling.
        """
        known = vnet.UPSAMPLINGS if self.kind == "vnet" else unet.UPSAMPLINGS
        upsampling = upsampling or known[0]
        if upsampling not in known:
            raise InputError(
                f"network '{self.kind}' has no upsampling '{upsampling}'{nearest(upsampling, known)}. "
                f"Known: {', '.join(known)}"
            )
        if self.kind == "vnet":
            return vnet.VNetDecoder(self.width, upsampling, self.dropout)
        return unet.UNetDecoder(self.width, upsampling)

    def head(self, channels: int, level: int = 0) -> nn.Module:
        """Build a head: a feature at 1 / 2^level of the resolution, by default the last, to ``(B, channels, *S)``."""
        head = vnet.VNetHead if self.kind == "vnet" else unet.UNetHead
        return head(channels, self.width * 2**level)

    def network(self, *channels: int) -> Network:
        """Build a whole network with one head per number of ``channels``."""
        return Network(self.encoder(), self.decoder(), *(self.head(count) for count in channels))

    def clock(self, step: int) -> int:
        """Return the paper's 0-based iteration that the run's 0-based ``step`` stands for.

        ``step * reference_iterations // iterations``: a shorter run goes through the whole of every schedule,
        and at the paper's scale this is the identity.
        """
        return step * self.reference_iterations // self.iterations


def check_patch(patch: Sequence[int], dimensions: int) -> None:
    """Raise an `InputError` unless ``patch`` has ``dimensions`` sizes that are positive multiples of 16."""
    if len(patch) != dimensions or any(size <= 0 or size % DIVISOR for size in patch):
        raise InputError(
            f"patch: expected {dimensions} positive multiples of {DIVISOR}, as the networks halve the "
            f"resolution four times; found {list(patch)}. Change it in config/scales.yaml"
        )
