"""The quirks of released code that are options: what null keeps, what the other value does, and what is refused."""

import math

import pytest
import torch
from conftest import tiny_training

from dmd.data.batches import Batch
from dmd.errors import InputError
from dmd.methods import base
from dmd.networks.build import Build


@pytest.fixture
def made(content):
    """Return a function that makes a method with the values of the configuration but for ``changes``."""

    def make(name: str, dimensions: int = 2, **changes) -> base.Method:
        torch.manual_seed(0)
        spec = tiny_training(dimensions, name, content["methods"][name]["params"] | changes)
        return base.make(spec["method"], Build.from_settings(spec)).eval()

    return make


def answering(method: base.Method, *logits: torch.Tensor) -> base.Method:
    """Let the two networks give what is asked, ``(B, C)``, at every place, whatever the image."""
    method.peers = lambda images: tuple(
        given.reshape(*given.shape, *[1] * (images.ndim - 2)).expand(-1, -1, *images.shape[2:]) for given in logits
    )
    return method


def half(dimensions: int = 2) -> Batch:
    """Two labelled cases, one half of which is class 1 and the rest background, and two others."""
    labels = torch.zeros(2, *(16,) * dimensions, dtype=torch.int64)
    labels[:, :8] = 1
    return Batch(torch.zeros(4, 1, *(16,) * dimensions), labels)


def batch(dimensions: int = 2) -> Batch:
    torch.manual_seed(1)
    shape = (16,) * dimensions
    return Batch(torch.randn(4, 1, *shape), torch.randint(0, 5 - dimensions, (2, *shape)))


# At p = 1/3 a class that is half of the image has 1 - (1/6) / (1/9 + 1/2) = 8/11, or 5/11 with the factor 2; the absent
# third class has 1.
@pytest.mark.parametrize(("whole", "dice"), [(None, 9 / 11), (True, 7 / 11)])
def test_mc_net_has_the_factor_2_in_2d_if_asked(made, whole, dice):
    method = answering(made("mcnet", whole_dice=whole), torch.zeros(4, 3), torch.zeros(4, 3))
    assert method.losses(half(), 0)["supervised_1"].item() == pytest.approx(dice, abs=1e-5)


@pytest.mark.parametrize(("threshold", "last"), [(None, math.log(2)), (math.log(3), math.log(3))])
def test_the_last_threshold_of_ua_mt_is_ln_2_unless_given(made, threshold, last):
    method = made("uamt", threshold=threshold)
    assert method.threshold(10) == pytest.approx(last)
    assert method.threshold(0) == pytest.approx((0.75 + 0.25 * math.exp(-5)) * last)


def test_the_divisor_of_ua_mt_is_2_unless_given(made):
    def consistency(divisor: float | None) -> float:
        method = made("uamt", divisor=divisor, threshold=10.0)  # every voxel counts
        torch.manual_seed(2)
        return method.losses(batch(), 0)["consistency"].item()

    assert consistency(None) == consistency(2) == pytest.approx(1.5 * consistency(3))


@pytest.mark.parametrize(("dimensions", "ratio"), [(2, 3 / 2), (3, 2)])
def test_ss_net_divides_by_all_classes_or_by_the_foregrounds(made, dimensions, ratio):
    shape = (16,) * dimensions
    feature, labels = torch.randn(2, 4, *shape), torch.ones(2, *shape).long()

    def closeness(foreground_mean: bool | None) -> float:
        method = made("ssnet", dimensions, foreground_mean=foreground_mean)
        method.memory.replace(1, torch.ones(3, 32))
        return method._closeness(feature, labels).item()

    assert closeness(True) == pytest.approx(ratio * closeness(None))


# Two networks that are undecided on the labelled cases, p = 1/3 (each costs the other ln 3), and of opposite opinions,
# 1/2 against 1/4, on the others (ln 4).
OPINIONS = [torch.tensor([[0.0, 0, 0]] * 2 + [opposite] * 2) for opposite in ([0, 0, math.log(2)], [math.log(2), 0, 0])]


def test_cps_covers_all_cases_at_constant_weight_by_default(made):
    method = answering(made("cps"), *OPINIONS)
    for step in (0, 9):
        found = method.losses(half(), step)["cross_supervision"].item()
        assert found == pytest.approx(2 * (math.log(3) + math.log(4)) / 2)


@pytest.mark.parametrize(("step", "warm"), [(0, math.exp(-5)), (5, math.exp(-5 / 4)), (10, 1)])
def test_cps_covers_the_unlabelled_cases_with_a_warm_up_if_asked(made, step, warm):
    """Ten steps stand for 6000 iterations."""
    method = answering(made("cps", weight=0.1, rampup=40, unlabelled_only=True), *OPINIONS)
    found = method.losses(half(), step)["cross_supervision"].item()
    assert found == pytest.approx(0.1 * warm * 2 * math.log(4), rel=1e-5)


# Slices: p = 1/3, whose Dice stands above. Volumes: p = 3/4 of the foreground alone.
@pytest.mark.parametrize(
    ("dimensions", "logits", "dice", "entropy"),
    [
        (2, torch.zeros(4, 3), 7 / 11, math.log(3)),
        (3, torch.full((4, 1), math.log(3)), 1 - (3 / 4) / (9 / 16 + 1 / 2), (math.log(4 / 3) + math.log(4)) / 2),
    ],
    ids=["slices", "volumes"],
)
@pytest.mark.parametrize("name", ["cps", "dmd"])
def test_a_pair_has_as_much_cross_entropy_as_asked(made, name, dimensions, logits, dice, entropy):
    for share, expected in ((None, dice), (0.5, (dice + entropy) / 2)):
        terms = answering(made(name, dimensions, cross_entropy=share), logits, logits).losses(half(dimensions), 0)
        assert [terms[f"supervised_{index}"].item() for index in (1, 2)] == pytest.approx([expected] * 2, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "dimensions", "change", "message"),
    [
        ("dmd", 3, {"temperature": 0}, "hyper-parameter 'temperature': Input should be "),
        ("dmd", 2, {"temperature": -1.5}, "hyper-parameter 'temperature': Input should be "),
        ("dmd", 2, {"temperature": math.nan}, "hyper-parameter 'temperature': Input should be "),
        ("mcnet", 3, {"sharpening": 0}, "hyper-parameter 'sharpening': Input should be "),
        ("uamt", 2, {"threshold": 0}, "hyper-parameter 'threshold': Input should be "),
        ("uamt", 2, {"divisor": 0}, "hyper-parameter 'divisor': Input should be "),
        ("lgermt", 3, {"cube": 0}, "hyper-parameter 'cube': Input should be "),
        ("lgermt", 3, {"cubes": 0}, "hyper-parameter 'cubes': Input should be "),
        ("ssnet", 3, {"prototypes": 1}, "hyper-parameter 'prototypes': Input should be greater than or equal to 2"),
    ],
)
def test_a_value_without_meaning_is_refused_before_anything_is_trained(made, name, dimensions, change, message):
    with pytest.raises(InputError, match=message):
        made(name, dimensions, **change)


def test_a_cube_larger_than_the_patch_is_refused(made):
    with pytest.raises(InputError, match=r"cubes no larger than the patch \[16, 16, 16\], found an edge of 17"):
        made("lgermt", 3, cube=17).losses(batch(3), 0)
