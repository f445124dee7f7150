"""The lower and upper bound: one network on the labelled cases alone."""

from dataclasses import dataclass

from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.losses import cross_entropy, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.planning.bounds import NonNegative


@dataclass(frozen=True)
class Params:
    """Weights of the two terms."""

    cross_entropy: NonNegative
    dice: NonNegative


class Supervised(Method):
    """Minimise ``0.5 * (CE + Dice)`` of a softmax network (yulequan/UA-MT:code/train_LA.py).

    The Dice term is that of the foreground channel where there are two classes, the mean over all classes where
    there are more (HiLab-git/SSL4MIS:code/train_fully_supervised_2D.py).
    """

    params: Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params = params
        self.network = build.network(build.classes)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return cross-entropy and Dice of the labelled cases."""
        logits = self.network(batch.images[: len(batch.labels)])
        return {
            "cross_entropy": self.params.cross_entropy * cross_entropy(logits, batch.labels),
            "dice": self.params.dice * supervised_dice(logits, batch.labels),
        }

    @property
    def predictor(self) -> nn.Module:
        """The network."""
        return Predictor(self.network)
