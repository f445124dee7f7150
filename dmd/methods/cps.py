"""CPS: two networks, each trained on the other's hard labels (Chen et al., CVPR 2021), in DMD's set-up."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from dmd.data.batches import Batch
from dmd.losses import hard_cross_entropy, supervised_dice
from dmd.methods.base import Method, Predictor, class_probabilities
from dmd.networks.build import Build


@dataclass(frozen=True)
class Params:
    """``weight`` of the cross supervision, constant."""

    weight: float


class CPS(Method):
    """Minimise ``Dice(p_1, y) + Dice(p_2, y) + weight * [CE(p_1, argmax p_2) + CE(p_2, argmax p_1)]``.

    Cross supervision covers labelled and unlabelled cases (charlesCXK/TorchSemiSeg:exp.voc/voc8.res50v3+.CPS); the hard
    labels carry no gradient. The DMD authors did not publish their own run: everything but this term is
    taken from DMD so that the comparison isolates it (our choice).
    """

    Params = Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params = params
        self.first = build.network(build.logit_channels)
        self.second = build.network(build.logit_channels)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the cross supervision."""
        logits_1, logits_2 = self.peers(batch.images)
        labelled = len(batch.labels)
        cross = hard_cross_entropy(logits_1, logits_2) + hard_cross_entropy(logits_2, logits_1)
        return {
            "supervised_1": supervised_dice(logits_1[:labelled], batch.labels),
            "supervised_2": supervised_dice(logits_2[:labelled], batch.labels),
            "cross_supervision": self.params.weight * cross,
        }

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both networks."""
        return self.first(images), self.second(images)

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the hard labels, one-hot."""
        probabilities = class_probabilities(logits)
        hard = functional.one_hot(probabilities.argmax(dim=1), probabilities.shape[1])
        return hard.movedim(-1, 1).to(probabilities.dtype)

    @property
    def predictor(self) -> nn.Module:
        """The first network."""
        return Predictor(self.first)
