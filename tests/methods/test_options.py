"""The quirks of released code that are options: what null keeps, what the other value does, and what is refused."""

import math

import pytest
import torch
from conftest import tiny_training

from dmd.data.batches import Batch
from dmd.errors import InputError
from dmd.losses import cross_entropy, dice_half, dice_squared, hard_cross_entropy, multiclass, supervised_dice
from dmd.methods import base
from dmd.networks.build import Build
from dmd.schedules import warmup


@pytest.fixture
def made(content):
    """Return a function that makes a method with the values of the configuration but for ``changes``."""

    def make(name: str, dimensions: int = 2, **changes) -> base.Method:
        torch.manual_seed(0)
        spec = tiny_training(dimensions, name, content["methods"][name]["params"] | changes)
        return base.make(spec["method"], Build.from_settings(spec)).eval()

    return make


def batch(dimensions: int = 2) -> Batch:
    torch.manual_seed(1)
    shape = (16,) * dimensions
    return Batch(torch.randn(4, 1, *shape), torch.randint(0, 5 - dimensions, (2, *shape)))


@pytest.mark.parametrize(("whole", "dice"), [(None, dice_half), (True, dice_squared)])
def test_mc_net_has_the_factor_2_in_2d_if_asked(made, whole, dice):
    method, data = made("mcnet", whole_dice=whole), batch()
    first = torch.softmax(method.peers(data.images)[0], dim=1)[:2]
    expected = multiclass(dice, first, data.labels)
    assert method.losses(data, 0)["supervised_1"].item() == pytest.approx(expected.item(), rel=1e-6)


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


def test_cps_covers_all_cases_at_constant_weight_by_default(made):
    method, data = made("cps"), batch()
    first, second = method.peers(data.images)
    expected = hard_cross_entropy(first, second) + hard_cross_entropy(second, first)
    for step in (0, 9):
        assert method.losses(data, step)["cross_supervision"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_cps_covers_the_unlabelled_cases_with_a_warm_up_if_asked(made):
    method, data = made("cps", weight=0.1, rampup=40, unlabelled_only=True), batch()
    first, second = (logits[2:] for logits in method.peers(data.images))
    expected = 0.1 * (hard_cross_entropy(first, second) + hard_cross_entropy(second, first)).item()
    for step in (0, 5):  # ten steps stand for 6000 iterations
        found = method.losses(data, step)["cross_supervision"].item()
        assert found == pytest.approx(expected * warmup(600 * step, 40), rel=1e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("name", ["cps", "dmd"])
def test_a_pair_has_as_much_cross_entropy_as_asked(made, name, dimensions):
    data = batch(dimensions)
    for share in (None, 0.5):
        method = made(name, dimensions, cross_entropy=share)
        for index, logits in enumerate(method.peers(data.images), start=1):
            dice, entropy = supervised_dice(logits[:2], data.labels), cross_entropy(logits[:2], data.labels)
            expected = (dice + entropy) / 2 if share else dice
            assert method.losses(data, 0)[f"supervised_{index}"].item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "dimensions", "change", "message"),
    [
        ("dmd", 3, {"temperature": 0}, "dmd: expected temperature > 0, found 0"),
        ("dmd", 2, {"temperature": -1.5}, "dmd: expected temperature > 0, found -1.5"),
        ("dmd", 2, {"temperature": math.nan}, "dmd: expected temperature > 0, found nan"),
        ("mcnet", 3, {"sharpening": 0}, "mcnet: expected sharpening > 0, found 0"),
        ("uamt", 2, {"threshold": 0}, "uamt: expected threshold > 0, found 0"),
        ("uamt", 2, {"divisor": 0}, "uamt: expected divisor > 0, found 0"),
        ("lgermt", 3, {"cube": 0}, "lgermt: expected cube > 0, found 0"),
        ("lgermt", 3, {"cubes": 0}, "lgermt: expected cubes > 0, found 0"),
        ("ssnet", 3, {"prototypes": 1}, "ssnet: expected at least 2 prototypes, found 1"),
    ],
)
def test_a_value_without_meaning_is_refused_before_anything_is_trained(made, name, dimensions, change, message):
    with pytest.raises(InputError, match=message):
        made(name, dimensions, **change)


def test_a_cube_larger_than_the_patch_is_refused(made):
    with pytest.raises(InputError, match=r"cubes no larger than the patch \[16, 16, 16\], found an edge of 17"):
        made("lgermt", 3, cube=17).losses(batch(3), 0)
