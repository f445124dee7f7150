import math

import pytest
import torch
from conftest import derived, tiny_training

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.methods.dtc import DTC
from dmd.networks.build import Build
from dmd.schedules import ramp

# The ninth step of ten stands for iteration 5400: a warm-up over 150 of them is over.
AT_FULL_WEIGHT = 9


@pytest.fixture
def make(content):
    def make(dimensions: int, **params) -> DTC:
        spec = tiny_training(dimensions, "dtc", content["methods"]["dtc"]["params"] | params)
        return base.make(spec["method"], Build.from_settings(spec)).train()

    return make


def constant_heads(method: DTC, maps: float, logits: list[float]) -> None:
    """Let the heads give the same everywhere, whatever the image; ``maps`` before tanh."""
    with torch.no_grad():
        for head, values in zip(method.network.network.heads, ([maps], logits), strict=True):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(values))


def batch(method: DTC, dimensions: int, labels: torch.Tensor) -> Batch:
    return Batch(torch.randn(4, 1, *labels.shape[1:]), labels, derived(method, labels))


def half(dimensions: int) -> torch.Tensor:
    labels = torch.zeros(2, *[16] * dimensions, dtype=torch.int64)
    labels[:, :8] = 1
    return labels


def test_the_terms_by_hand(make):
    method = make(3)
    constant_heads(method, 0.0, [math.log(3)])
    labels = half(3)
    terms = method.losses(batch(method, 3, labels), 5)
    # p = 3/4 everywhere, half of the voxels are foreground; phi = 0, of which the step gives 1/2.
    assert terms["dice"].item() == pytest.approx(1 - (2 * 0.75 / 2) / (0.75**2 + 1 / 2), abs=1e-5)
    # Outside at 1..8 of 8 voxels, inside at 0 (boundary) and 2..8 of 8.
    outside, inside = sum(k**2 for k in range(1, 9)) / 64, sum(k**2 for k in range(2, 9)) / 64
    assert terms["distance"].item() == pytest.approx(0.3 * (outside + inside) / 16, rel=1e-5)
    assert terms["consistency"].item() == pytest.approx(ramp(5 * 600 // 150, 40) * (0.75 - 0.5) ** 2, rel=1e-5)
    assert terms["cross_entropy"].item() == 0


@pytest.mark.parametrize(("maps", "logit", "expected"), [(-1.0, 50.0, 0.0), (1.0, -50.0, 0.0), (1.0, 50.0, 1.0)])
def test_a_negative_distance_agrees_with_foreground(make, maps, logit, expected):
    method = make(3, rampup=1)
    constant_heads(method, maps, [logit])
    assert method.losses(batch(method, 3, half(3)), AT_FULL_WEIGHT)["consistency"].item() == pytest.approx(
        expected, abs=1e-6
    )


def test_several_classes_compare_each_foreground_class(make):
    method = make(2, rampup=1)
    constant_heads(method, 0.0, [0.0, 0.0, math.log(2)])
    terms = method.losses(batch(method, 2, half(2)), AT_FULL_WEIGHT)
    # p = (1/4, 1/4, 1/2); both maps give 1/2.
    assert terms["consistency"].item() == pytest.approx((1 / 16 + 0) / 2)


def test_both_heads_learn_from_the_consistency_alone(make):
    method = make(3, rampup=1, dice=0, distance=0, steepness=1)
    terms = method.losses(batch(method, 3, half(3)), AT_FULL_WEIGHT)
    torch.stack(list(terms.values())).sum().backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in method.network.network.heads)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_an_absent_class_and_a_filled_patch_are_finite(make, dimensions, value):
    method = make(dimensions)
    labels = torch.full((2, *[16] * dimensions), value)
    terms = method.losses(batch(method, dimensions, labels), 0)
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(term) for term in terms.values())
    assert all(torch.isfinite(weight.grad).all() for weight in method.parameters())
