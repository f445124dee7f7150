"""CPS: two networks, each trained on the other's hard labels (Chen et al., CVPR 2021), in DMD's set-up."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from dmd.data.batches import Batch
from dmd.losses import hard_cross_entropy
from dmd.methods.base import class_probabilities
from dmd.methods.families.pair import Pair
from dmd.planning.bounds import NonNegative, Positive, Share, Truth
from dmd.schedules import warmup


@dataclass(frozen=True)
class Params:
    """``weight`` of the cross supervision, constant or the maximum of the warm-up over ``rampup``.

    The warm-up counts units of 150 iterations. ``unlabelled_only`` leaves the labelled cases out of the cross
    supervision. ``cross_entropy`` is the share of the cross-entropy in the supervised terms, by default none.
    """

    weight: NonNegative
    rampup: Positive | None
    unlabelled_only: Truth | None
    cross_entropy: Share | None


class CPS(Pair):
    """Minimise ``Dice(p_1, y) + Dice(p_2, y) + weight * [CE(p_1, argmax p_2) + CE(p_2, argmax p_1)]``.

    Cross supervision covers labelled and unlabelled cases (charlesCXK/TorchSemiSeg:exp.voc/voc8.res50v3+.CPS), or the
    unlabelled ones alone; the hard labels carry no gradient. The DMD authors did not publish their own run: everything
    but this term is by default taken from DMD so that the comparison isolates it (our choice).
    """

    params: Params

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the cross supervision."""
        peers = self.peers(batch.images)
        weight = self.params.weight * warmup(self.clock(step), self.params.rampup or 0)
        first, second = (batch.split(logits)[1] for logits in peers) if self.params.unlabelled_only else peers
        cross = hard_cross_entropy(first, second) + hard_cross_entropy(second, first)
        return self.supervision(peers, batch.labels) | {"cross_supervision": weight * cross}

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the hard labels, one-hot."""
        probabilities = class_probabilities(logits)
        hard = functional.one_hot(probabilities.argmax(dim=1), probabilities.shape[1])
        return hard.movedim(-1, 1).to(probabilities.dtype)
