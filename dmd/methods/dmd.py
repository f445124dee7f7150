"""DMD: two networks teach each other with temperature-softened probabilities (Xie et al., MICCAI 2023)."""

from dataclasses import dataclass

from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.errors import InputError, nearest
from dmd.losses import dice_distance, kl_bernoulli, kl_released, supervised_dice
from dmd.methods.base import Method, Predictor, class_probabilities
from dmd.networks.build import Build

# Which distance between the softened predictions: the paper's Dice, or the KL of its ablation. `kl` is what the authors
# released (SilenceMonk/Dual-Mutual-Distillation:train_dmd.py at a5609d2): the foreground half of the two-way
# divergence; `kl_bernoulli` is the whole of it.
DIVERGENCES = {"dice": dice_distance, "kl": kl_released, "kl_bernoulli": kl_bernoulli}


@dataclass(frozen=True)
class Params:
    """``temperature`` T softens both predictions, ``weight`` is lambda, ``divergence`` a key of `DIVERGENCES`."""

    temperature: float
    weight: float
    divergence: str


class DMD(Method):
    """Minimise ``Dice(p_1, y) + Dice(p_2, y) + lambda * divergence(p_1T, p_2T)`` (Eqs. 3 to 6).

    The supervised terms see the labelled cases, the distillation all of them, jointly, with gradients to
    both networks, at constant weight and without a factor T^2. With one logit channel ``p_T = sigmoid(z / T)``, with
    several ``softmax(z / T)``. Deep mutual learning is the case ``kl``, T = 1, lambda = 1.
    """

    Params = Params

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        if params.divergence not in DIVERGENCES:
            raise InputError(
                f"dmd: unknown divergence '{params.divergence}'{nearest(params.divergence, DIVERGENCES)}. "
                f"Known: {', '.join(DIVERGENCES)}"
            )
        self.params = params
        # Built one after the other from one generator, so that their initial weights differ.
        self.first = build.network(build.logit_channels)
        self.second = build.network(build.logit_channels)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms and the distillation."""
        logits_1, logits_2 = self.peers(batch.images)
        labelled = len(batch.labels)
        divergence = DIVERGENCES[self.params.divergence](logits_1, logits_2, self.params.temperature)
        return {
            "supervised_1": supervised_dice(logits_1[:labelled], batch.labels),
            "supervised_2": supervised_dice(logits_2[:labelled], batch.labels),
            "distillation": self.params.weight * divergence,
        }

    def peers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of both networks."""
        return self.first(images), self.second(images)

    def guidance(self, logits: Tensor) -> Tensor:
        """Return the probabilities softened by T."""
        return class_probabilities(logits, self.params.temperature)

    @property
    def predictor(self) -> nn.Module:
        """The first network at T = 1."""
        return Predictor(self.first)
