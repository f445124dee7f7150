"""LG-ER-MT: a mean teacher that also teaches local and global structure (Hang et al., MICCAI 2020)."""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.errors import InputError
from dmd.losses import cross_entropy, information, mean_squared, probabilities, supervised_dice
from dmd.methods.base import Method, Predictor
from dmd.networks.build import Build
from dmd.networks.teacher import Teacher
from dmd.planning.bounds import Count, Decay, NonNegative, Positive
from dmd.schedules import warmup

LOG_SMOOTHING = 1e-30  # inside the logarithm, fengweie/LG-ER-MT:utils/losses.py


@dataclass(frozen=True)
class Params:
    """Weights, cubes and the teacher.

    ``supervised`` weighs cross-entropy and Dice; ``consistency``, ``local_structure``, ``global_structure`` and
    ``entropy`` are maxima of the warm-up over ``rampup`` units of 150 iterations. ``cube`` is the edge of a cube in
    voxels, ``cubes`` how many places are drawn along each of the first two axes. ``decay`` and ``noise`` are the
    teacher's.
    """

    supervised: NonNegative
    consistency: NonNegative
    local_structure: NonNegative
    global_structure: NonNegative
    entropy: NonNegative
    rampup: Positive
    cube: Count
    cubes: Count
    decay: Decay
    noise: NonNegative


class LGERMT(Method):
    """Minimise ``s * (CE + Dice) + r * (consistency + local + global + entropy)``.

    The supervised terms see the labelled cases, the entropy the unlabelled ones, the three comparisons with the
    teacher all of them; ``r = ramp(iteration // 150, rampup)``, each term with its own weight. Global structure is the
    map of self-information ``-p_c log p_c``, local structure the similarity of voxels within drawn cubes
    (fengweie/LG-ER-MT:code/train_LA_mt_ce_alldata_struct.py).
    """

    params: Params
    dimensions = (3,)

    def __init__(self, params: Params, build: Build) -> None:
        super().__init__()
        self.params, self.clock = params, build.clock
        self.student = build.network(build.classes)
        self.teacher = Teacher(build.network(build.classes), params.decay, params.noise)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Return the two supervised terms, the consistency, both structures and the entropy."""
        weights, rise = self.params, warmup(self.clock(step), self.params.rampup)
        logits = self.student(batch.images)
        p, q = probabilities(logits), probabilities(self.teacher(batch.images))
        own, taught = (information(x, LOG_SMOOTHING) / math.log(x.shape[1]) for x in (p, q))
        cubes = draw_cubes(p.shape[2:], weights.cube, weights.cubes)
        seen, _ = batch.split(logits)
        _, unseen = batch.split(own)
        return {
            "cross_entropy": weights.supervised * cross_entropy(seen, batch.labels),
            "dice": weights.supervised * supervised_dice(seen, batch.labels),
            "consistency": weights.consistency * rise * mean_squared(p, q) / 2,
            "local": weights.local_structure * rise * local_structure(cut(p, cubes), cut(q, cubes)),
            "global": weights.global_structure * rise * mean_squared(own, taught) / 2,
            "entropy": weights.entropy * rise * unseen.sum(dim=1).mean(),
        }

    def after_step(self, step: int) -> None:
        """Let the teacher follow the student."""
        self.teacher.follow(self.student, step)

    @property
    def predictor(self) -> nn.Module:
        """The student."""
        return Predictor(self.student)


def draw_cubes(size: torch.Size, edge: int, count: int) -> list[tuple[slice, ...]]:
    """Draw cubes from the grid that tiles an image of ``size``.

    ``count`` different places (or all, where there are fewer) along each of the first two axes and one along the third:
    their product. A patch of 112 x 112 x 80 with an edge of 16 has a grid of 7 x 7 x 5 places and 4 cubes are drawn.

    Raises
    ------
    InputError
        The image has no room for a cube.
    """
    if edge > min(size):
        raise InputError(f"lgermt: expected cubes no larger than the patch {list(size)}, found an edge of {edge}")
    axes = []
    for axis, length in enumerate(size):
        places = torch.randperm(length // edge)[: count if axis < 2 else 1].tolist()
        axes.append([slice(place * edge, (place + 1) * edge) for place in places])
    return list(itertools.product(*axes))


def cut(values: Tensor, cubes: list[tuple[slice, ...]]) -> Tensor:
    """Return the voxels of every cube of ``values (B, C, *S)`` as ``(cubes * B, C, N)``."""
    return torch.cat([values[:, :, *cube].flatten(2) for cube in cubes])


def local_structure(first: Tensor, second: Tensor, smoothing: float = 1e-8) -> Tensor:
    """Return ``mean_b sum_ij (A_bij - B_bij)^2 / N^2``, A and B the cosine similarities between all pairs of voxels.

    The N x N similarities are never made. With unit vectors a and b as columns, d = a - b and
    ``A - B = a'd + d'b`` the sum of squares is ``<aa', dd'> + <bb', dd'> + 2 <(ad')', bd'>``: products of C x C
    matrices, and no small difference of large numbers where teacher and student agree.

    Parameters
    ----------
    first, second : Tensor
        Probability vectors of N voxels, ``(B, C, N)``.
    smoothing : float
        Added to the length of a vector.

    Returns
    -------
    Tensor
        In [0, 1], as similarities of vectors without negative entries are; 0 for equal directions.

    Notes
    -----
    Hang et al. 2020; fengweie/LG-ER-MT:utils/losses.py.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected equal shapes, found {tuple(first.shape)} and {tuple(second.shape)}")
    a, b = (values.float() / (values.float().norm(dim=1, keepdim=True) + smoothing) for values in (first, second))
    d = a - b
    squares = (_gram(a, a) + _gram(b, b)) * _gram(d, d) + 2 * _gram(a, d).transpose(1, 2) * _gram(b, d)
    return squares.sum(dim=(1, 2)).mean()


def _gram(first: Tensor, second: Tensor) -> Tensor:
    """Return ``a b' / N``, ``(B, C, C)``; autocast would lower a matrix product, and leaves this in float32."""
    return (first[:, :, None] * second[:, None]).mean(dim=-1)
