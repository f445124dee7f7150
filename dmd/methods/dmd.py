"""DMD: two networks teach each other with temperature-softened probabilities (Xie et al., MICCAI 2023)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from dmd.data.batches import Batch
from dmd.methods.base import class_probabilities
from dmd.methods.families.divergences import dice_distance, kl_bernoulli, kl_released
from dmd.methods.families.pair import Pair
from dmd.planning.bounds import NonNegative, Positive, Share

# Which distance between the softened predictions: the paper's Dice, or the KL of its ablation. `kl` is what the authors
# released (SilenceMonk/Dual-Mutual-Distillation:train_dmd.py at a5609d2): the foreground half of the two-way
# divergence; `kl_bernoulli` is the whole of it. `dice_foreground` leaves out the background of several classes.
DIVERGENCES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "dice": dice_distance,
    "dice_foreground": partial(dice_distance, background=False),
    "kl": kl_released,
    "kl_bernoulli": kl_bernoulli,
}


@dataclass(frozen=True)
class Params:
    """``temperature`` T softens both predictions, ``weight`` is lambda, ``divergence`` a key of `DIVERGENCES`.

    ``cross_entropy`` is the share of the cross-entropy in the supervised terms, by default none.
    """

    temperature: Positive
    weight: NonNegative
    divergence: Literal["dice", "dice_foreground", "kl", "kl_bernoulli"]
    cross_entropy: Share | None


class DMD(Pair):
    """Minimise ``Dice(p_1, y) + Dice(p_2, y) + lambda * divergence(p_1T, p_2T)`` (Eqs. 3 to 6).

    The supervised terms see the labelled cases, the distillation all of them, jointly, with gradients to
    both networks, at constant weight and without a factor T^2. With one logit channel ``p_T = sigmoid(z / T)``, with
    several ``softmax(z / T)``. Deep mutual learning is the case ``kl``, T = 1, lambda = 1.
    """

    params: Params

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the distillation."""
        peers = self.peers(batch.images)
        divergence = DIVERGENCES[self.params.divergence](*peers, self.params.temperature)
        return self.supervision(peers, batch.labels) | {"distillation": self.params.weight * divergence}

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the probabilities softened by T."""
        return class_probabilities(logits, self.params.temperature)
