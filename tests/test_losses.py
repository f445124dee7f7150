import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dmd.losses import (
    binary_cross_entropy_from_logits,
    cross_entropy,
    dice_half,
    dice_linear,
    dice_squared,
    hard_cross_entropy,
    information,
    linear_dice,
    masked_squared,
    mean_squared,
    multiclass,
    probabilities,
    sharpen,
    supervised_dice,
)
from dmd.methods.families.divergences import dice_distance, kl_bernoulli, kl_released

PAIRWISE = [dice_squared, dice_linear, dice_half, mean_squared]
DISTANCES = [dice_distance, kl_released, kl_bernoulli]


def random_logits(channels: int, seed: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(2, channels, 4, 3, 2, generator=torch.Generator().manual_seed(seed))


seeds = st.integers(0, 2**31)
channel_counts = st.sampled_from([1, 2, 4])
temperatures = st.floats(0.5, 5.0)


# Shapes: a channel axis too many must never broadcast.


@pytest.mark.parametrize("loss", [*PAIRWISE, binary_cross_entropy_from_logits])
def test_predictions_with_a_channel_axis_do_not_broadcast_against_labels(loss):
    with pytest.raises(ValueError, match=r"\(2, 1, 4, 4, 2\) and \(2, 4, 4, 2\)"):
        loss(torch.rand(2, 1, 4, 4, 2), torch.ones(2, 4, 4, 2))


@pytest.mark.parametrize("loss", [cross_entropy, supervised_dice])
def test_labels_with_a_channel_axis_are_refused(loss):
    with pytest.raises(ValueError, match=r"\(2, 4, 4\) and \(2, 1, 4, 4\)"):
        loss(torch.randn(2, 2, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.int64))


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_refuse_different_shapes(distance):
    with pytest.raises(ValueError, match="equal shapes"):
        distance(torch.randn(2, 1, 4), torch.randn(2, 2, 4), 2.0)


# Probabilities.


def test_one_channel_is_a_sigmoid_and_several_are_a_softmax():
    torch.testing.assert_close(probabilities(torch.tensor([[[math.log(3.0)]]])), torch.tensor([[[0.75]]]))
    two = probabilities(torch.tensor([[[0.0], [math.log(3.0)]]]))
    torch.testing.assert_close(two, torch.tensor([[[0.25], [0.75]]]))


@given(seeds, channel_counts)
def test_infinite_temperature_makes_predictions_uniform(seed, channels):
    flat = probabilities(random_logits(channels, seed), temperature=1e7)
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / max(channels, 2)), atol=1e-5, rtol=0)


@given(seeds, st.sampled_from([2, 4]), temperatures)
def test_probabilities_of_several_channels_sum_to_one(seed, channels, temperature):
    total = probabilities(random_logits(channels, seed), temperature).sum(dim=1)
    torch.testing.assert_close(total, torch.ones_like(total))


# Dice.


def test_dice_losses_of_a_pair_worked_by_hand():
    a, b = torch.tensor([1.0, 0.5, 0.0, 0.0]), torch.tensor([1.0, 0.0, 1.0, 0.0])
    # sum(ab) = 1, sum(a) = 1.5, sum(b) = 2, sum(a^2) = 1.25, sum(b^2) = 2
    assert dice_squared(a, b, smoothing=0).item() == pytest.approx(1 - 2 / 3.25)
    assert dice_linear(a, b, smoothing=0).item() == pytest.approx(1 - 2 / 3.5)
    assert dice_half(a, b, smoothing=0).item() == pytest.approx(1 - 1 / 3.25)
    assert dice_squared(a, b, smoothing=1).item() == pytest.approx(1 - 3 / 4.25)


def test_dice_is_one_ratio_over_the_batch():
    a = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    b = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    # A mean of the two cases' own ratios would be (0 + 1) / 2.
    assert dice_squared(a, b, smoothing=0).item() == pytest.approx(1 - 4 / 5)


@given(seeds)
def test_squared_dice_asks_for_agreement_and_linear_dice_also_for_confidence(seed):
    soft = probabilities(random_logits(1, seed))
    assert dice_squared(soft, soft).item() == pytest.approx(0, abs=1e-6)
    assert dice_linear(soft, soft).item() > 1e-3
    assert dice_half(soft, soft).item() == pytest.approx(0.5, abs=1e-6)


@given(seeds, seeds)
def test_dice_losses_stay_in_their_range_and_are_symmetric(seed, other):
    a, b = probabilities(random_logits(1, seed)), probabilities(random_logits(1, other))
    for loss, least in ((dice_squared, 0), (dice_linear, 0), (dice_half, 0.5)):
        assert least - 1e-6 <= loss(a, b).item() <= 1
        assert loss(a, b) == loss(b, a)


def test_dice_of_nothing_against_nothing_is_perfect():
    nothing = torch.zeros(2, 8)
    assert dice_squared(nothing, nothing) == dice_linear(nothing, nothing) == 0


@given(seeds)
def test_half_dice_has_half_the_gradient(seed):
    a, b = probabilities(random_logits(1, seed)).requires_grad_(), torch.ones(2, 1, 4, 3, 2)
    (whole,) = torch.autograd.grad(dice_squared(a, b, smoothing=0), a)
    (half,) = torch.autograd.grad(dice_half(a, b, smoothing=0), a)
    torch.testing.assert_close(2 * half, whole)


def test_multiclass_averages_every_class_with_the_background():
    labels = torch.tensor([[0, 0, 1, 2]])
    predicted = torch.tensor([[[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    # Background 1 - 4/5, class 1 perfect, class 2 missed.
    expected = (0.2 + 0 + 1) / 3
    assert multiclass(dice_squared, predicted, labels).item() == pytest.approx(expected, abs=1e-5)


def test_supervised_dice_takes_the_foreground_of_two_classes_and_the_mean_of_more():
    labels = torch.tensor([[0, 1, 1, 0]])
    one = random_logits(1, 3)[:1, :, :, 0, 0]
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    assert supervised_dice(one, labels).item() == pytest.approx(dice_squared(torch.sigmoid(one[:, 0]), labels).item())
    assert supervised_dice(two, labels).item() == pytest.approx(supervised_dice(one, labels).item())
    # p = 1/4; of the classes 0 and 1 each 1 - 2 (1/4 + 1/4) / (4/16 + 2), of the absent ones 1.
    assert supervised_dice(torch.zeros(1, 4, 4), labels).item() == pytest.approx((2 * 5 / 9 + 2) / 4, abs=1e-4)


def test_dice_distance_softens_with_the_temperature():
    first, second = torch.tensor([[[math.log(9.0) * 2]]]), torch.tensor([[[0.0]]])
    # q1 = 0.9, q2 = 0.5 at T = 2
    assert dice_distance(first, second, 2.0, smoothing=0).item() == pytest.approx(1 - 0.9 / (0.81 + 0.25))


def test_dice_distance_of_several_channels_averages_the_classes():
    first, second = torch.tensor([[[math.log(4)], [0], [0]]]), torch.tensor([[[0], [0], [math.log(4)]]])
    # At T = 2 one voxel with (1/2, 1/4, 1/4) and (1/4, 1/4, 1/2): 1 - 2/8 / (1/4 + 1/16) = 1/5 twice, and 0.
    assert dice_distance(first, second, 2.0).item() == pytest.approx(2 / 5 / 3, abs=1e-4)
    assert dice_distance(first, second, 2.0, background=False).item() == pytest.approx(1 / 5 / 2, abs=1e-4)


def test_one_channel_has_no_background_to_leave_out():
    first, second = random_logits(1, 5), random_logits(1, 6)
    assert dice_distance(first, second, 2.0, background=False) == dice_distance(first, second, 2.0)


@pytest.mark.parametrize(("several", "expected"), [(dice_squared, 5 / 9), (dice_half, 7 / 9)])
def test_linear_dice_is_of_the_foreground_of_two_classes_and_another_of_more(several, expected):
    labels = torch.tensor([[0, 1]])
    two = torch.tensor([[[0.75, 0.25], [0.25, 0.75]]])
    assert linear_dice(two, labels, several).item() == pytest.approx(1 - 2 * 0.75 / (1 + 1))
    # p = 1/4: of each class there 1 - 2 (1/4) / (2/16 + 1), or without the 2; of the two absent ones 1.
    found = linear_dice(torch.full((1, 4, 2), 0.25), labels, several).item()
    assert found == pytest.approx((2 * expected + 2) / 4, abs=1e-4)


# Divergences.


def test_kl_of_a_voxel_worked_by_hand():
    first, second = torch.tensor([[[math.log(3.0)]]]), torch.tensor([[[0.0]]])
    # q1 = 0.75, q2 = 0.5: the foreground gives 0.25 ln 1.5, the background -0.25 ln 0.5.
    assert kl_released(first, second, 1.0).item() == pytest.approx(0.25 * math.log(1.5))
    assert kl_bernoulli(first, second, 1.0).item() == pytest.approx(0.25 * math.log(3.0))


@given(seeds, seeds, temperatures)
def test_kl_released_is_the_sum_of_the_released_halves(seed, other, temperature):
    first, second = random_logits(1, seed), random_logits(1, other)
    q1, q2 = (probabilities(logits, temperature).double() for logits in (first, second))
    halves = (q2 * (q2.log() - q1.log())).mean() + (q1 * (q1.log() - q2.log())).mean()
    assert kl_released(first, second, temperature).item() == pytest.approx(halves.item(), rel=1e-4, abs=1e-6)


@given(seeds, seeds, temperatures)
def test_kl_bernoulli_of_one_channel_is_that_of_the_softmax_of_two(seed, other, temperature):
    first, second = random_logits(1, seed), random_logits(1, other)
    as_two = [torch.cat([torch.zeros_like(logits), logits], dim=1) for logits in (first, second)]
    one = kl_bernoulli(first, second, temperature).item()
    assert kl_bernoulli(*as_two, temperature).item() == pytest.approx(one, rel=1e-4, abs=1e-6)
    product = (probabilities(first, temperature) - probabilities(second, temperature)) * (first - second)
    assert one == pytest.approx(product.mean().item() / temperature, rel=1e-4, abs=1e-6)


@given(seeds, seeds, channel_counts, temperatures)
def test_distances_are_symmetric_not_negative_and_zero_for_equal_predictions(seed, other, channels, temperature):
    first, second = random_logits(channels, seed), random_logits(channels, other)
    for distance in DISTANCES:
        there = distance(first, second, temperature).item()
        assert there >= -1e-6
        assert there == pytest.approx(distance(second, first, temperature).item(), abs=1e-6)
        assert distance(first, first, temperature).item() == pytest.approx(0, abs=1e-6)


@given(seeds, seeds, channel_counts)
def test_distances_vanish_at_infinite_temperature(seed, other, channels):
    first, second = random_logits(channels, seed), random_logits(channels, other)
    for distance in DISTANCES:
        assert distance(first, second, 1e7).item() == pytest.approx(0, abs=1e-6)


@given(seeds, st.floats(-50, 50))
def test_a_shift_of_all_softmax_logits_changes_nothing(seed, shift):
    first, second = random_logits(4, seed), random_logits(4, seed + 1)
    for distance in DISTANCES:
        assert distance(first + shift, second, 2.0).item() == pytest.approx(
            distance(first, second, 2.0).item(), abs=1e-4
        )


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_teach_both_sides(distance):
    first, second = random_logits(1, 7).requires_grad_(), random_logits(1, 8).requires_grad_()
    distance(first, second, 2.0).backward()
    assert first.grad.abs().sum() > 0
    assert second.grad.abs().sum() > 0


# Cross-entropies.


def test_cross_entropy_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    assert cross_entropy(torch.zeros(1, 4, 3), torch.tensor([[0, 1, 3]])).item() == pytest.approx(math.log(4))


def test_cross_entropy_of_one_channel_is_that_of_the_foreground():
    logits, labels = torch.tensor([[[0.0, math.log(3), math.log(3)]]]), torch.tensor([[1, 1, 0]])
    expected = (math.log(2) + math.log(4 / 3) + math.log(4)) / 3
    assert cross_entropy(logits, labels).item() == pytest.approx(expected)


def test_binary_cross_entropy_worked_by_hand():
    logits, target = torch.tensor([0.0, math.log(3.0)]), torch.tensor([1.0, 0.0])
    assert binary_cross_entropy_from_logits(logits, target).item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_hard_cross_entropy_learns_from_the_teachers_decision_alone():
    teacher = torch.tensor([[[-0.1, 5.0]]], requires_grad=True)
    logits = torch.tensor([[[0.0, 0.0]]], requires_grad=True)
    hard_cross_entropy(logits, teacher).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[[0.25, -0.25]]]))
    assert teacher.grad is None


def test_hard_cross_entropy_of_several_channels_is_against_the_argmax():
    logits, teacher = torch.tensor([[0, 0, math.log(2), 0]]), torch.tensor([[[0.0, -1], [2, 1], [1, 9], [1, 1]]])
    # p = (1, 1, 2, 1) / 5 at both voxels; the teacher says 1 and 2.
    found = hard_cross_entropy(logits[..., None].expand(1, 4, 2), teacher)
    assert found.item() == pytest.approx((math.log(5) + math.log(5 / 2)) / 2)


# Sharpening.


def test_sharpening_worked_by_hand():
    # 0.4^2 / (0.4^2 + 0.6^2) = 0.16 / 0.52
    assert sharpen(torch.tensor([0.4]), 0.5).item() == pytest.approx(0.16 / 0.52)


@given(st.floats(0, 1, width=32), st.sampled_from([0.1, 0.3, 1.0]))
def test_sharpening_has_the_value_and_gradient_of_the_plain_formula(p, temperature):
    ours = torch.tensor(p, requires_grad=True)
    plain = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    inside, outside = plain ** (1 / temperature), (1 - plain) ** (1 / temperature)
    expected = inside / (inside + outside)
    result = sharpen(ours, temperature)
    result.backward()
    expected.backward()
    assert result.item() == pytest.approx(expected.item(), abs=1e-6)
    assert ours.grad.item() == pytest.approx(plain.grad.item(), rel=1e-4, abs=1e-5)


@given(st.floats(0, 1, width=32), st.floats(0.001, 1))
def test_sharpening_keeps_one_half_and_the_order_and_is_finite(p, temperature):
    result = sharpen(torch.tensor([p, 1 - p, 0.5]), temperature)
    assert torch.isfinite(result).all()
    assert result[2] == 0.5
    assert (result[0] >= 0.5) == (p >= 0.5)
    assert result[0].item() + result[1].item() == pytest.approx(1, abs=1e-5)


# Numerics.


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("sign", [1, -1])
def test_saturated_logits_keep_every_loss_and_gradient_finite(channels, sign):
    first = torch.full((2, channels, 4, 4), -100.0)
    first[:, 0] = 100.0
    first = first.requires_grad_()
    second = (sign * first).detach().requires_grad_()
    labels = torch.zeros(2, 4, 4, dtype=torch.int64)
    terms = [distance(first, second, 2.0) for distance in DISTANCES]
    terms += [hard_cross_entropy(first, second), supervised_dice(first, labels)]
    if channels > 1:
        terms.append(cross_entropy(first, labels))
    first_p, second_p = probabilities(first), probabilities(second)
    terms += [mean_squared(first_p, sharpen(second_p, 0.1)), multiclass(dice_half, first_p, labels)]
    total = torch.stack(terms).sum()
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(first.grad).all()
    assert torch.isfinite(second.grad).all()


@settings(deadline=None)
@given(seeds)
def test_losses_are_float32_whatever_comes_in(seed):
    low = random_logits(1, seed).bfloat16(), random_logits(1, seed + 1).bfloat16()
    labels = torch.ones(2, 4, 3, 2, dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16):
        inside = [distance(*low, 2.0) for distance in DISTANCES]
        inside += [supervised_dice(low[0], labels), hard_cross_entropy(*low)]
    high = [logits.float() for logits in low]
    outside = [distance(*high, 2.0) for distance in DISTANCES]
    outside += [supervised_dice(high[0], labels), hard_cross_entropy(*high)]
    assert all(term.dtype == torch.float32 for term in inside)
    assert inside == outside


# Information, entropy and masked differences.


def test_information_sums_to_the_entropy_in_nats():
    p = torch.tensor([[0.5, 0.25, 0.125, 0.125]])[..., None]
    assert information(p).sum(dim=1).item() == pytest.approx(1.75 * math.log(2), abs=1e-5)


@given(seeds, st.sampled_from([2, 4]))
def test_entropy_lies_between_0_and_ln_c(seed, channels):
    entropy = information(torch.softmax(random_logits(channels, seed), dim=1)).sum(dim=1)
    assert -1e-5 <= entropy.min() <= entropy.max() <= math.log(channels) + 1e-5


def test_information_of_impossible_classes_is_zero_with_a_finite_gradient():
    p = torch.tensor([[0.0, 1.0]], requires_grad=True)
    found = information(p, smoothing=1e-30)
    found.sum().backward()
    assert found.tolist() == [[0, 0]]
    assert torch.isfinite(p.grad).all()


def test_masked_squared_counts_two_per_voxel_whatever_the_classes():
    first, second = torch.zeros(1, 4, 3), torch.zeros(1, 4, 3)
    first[0, 0], second[0, 1] = 1, 1
    assert masked_squared(first, second, torch.tensor([[True, True, False]])).item() == 1
    first[0, :, 1] = second[0, :, 1]
    assert masked_squared(first, second, torch.tensor([[True, True, False]])).item() == 0.5


def test_masked_squared_divides_by_another_number_if_asked():
    first, mask = torch.ones(1, 4, 3), torch.tensor([[True, True, False]])
    assert masked_squared(first, torch.zeros(1, 4, 3), mask, divisor=4).item() == 1


def test_masked_squared_of_an_empty_mask_is_zero_without_gradient():
    first = torch.rand(1, 2, 5, requires_grad=True)
    found = masked_squared(first, torch.rand(1, 2, 5), torch.zeros(1, 5, dtype=torch.bool))
    found.backward()
    assert found.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_masked_squared_refuses_other_shapes():
    with pytest.raises(ValueError, match="equal shapes"):
        masked_squared(torch.rand(2, 2, 4), torch.rand(2, 2, 4), torch.ones(2, 1, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="equal shapes"):
        masked_squared(torch.rand(2, 2, 4), torch.rand(2, 1, 4), torch.ones(2, 4, dtype=torch.bool))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_no_case_at_all_has_no_loss(channels):
    logits, labels = torch.zeros(0, channels, 4, 4), torch.zeros(0, 4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="expected at least one case"):
        supervised_dice(logits, labels)
    with pytest.raises(ValueError, match="expected at least one case"):
        dice_distance(logits, logits, 2.0)
