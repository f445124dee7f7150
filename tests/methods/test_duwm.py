import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dmd.data.batches import Batch
from dmd.methods.duwm import DUWM, Params, mean_softmax, relative_entropy, weighted_inconsistency
from dmd.networks.build import Build

PARAMS = Params(supervised=0.5, consistency=0.1, rampup=40, price=0.1, decay=0.99, noise=0.1, forwards=4, copies=2)
SIZE = (16, 16, 16)
EVEN = torch.full((1, 2, 3), 0.5)
SURE = torch.tensor([1.0, 0.0])[None, :, None].expand(1, 2, 3)
FEATURE = torch.eye(4)[:1, :, None].expand(1, 4, 3)  # one of four channels: no entropy


def built() -> DUWM:
    torch.manual_seed(0)
    return DUWM(PARAMS, Build(3, 2, "vnet", 6000, 6000, width=4)).train()


def batch(labelled: int = 2) -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(4, 1, *SIZE), torch.randint(0, 2, (labelled, *SIZE)))


def random(seed: int, channels: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(3 * torch.randn(2, channels, 20, generator=generator), dim=1)


def test_relative_entropy_is_1_for_equal_channels_and_0_for_one():
    assert relative_entropy(torch.full((1, 16, 2), 1 / 16)).tolist() == [pytest.approx([1, 1], abs=1e-4)]
    assert relative_entropy(FEATURE).abs().max() < 1e-5


def test_inconsistency_by_hand():
    # Certain and opposite: d = 1, no discount, nothing to pay.
    assert weighted_inconsistency(SURE, SURE.flip(1), FEATURE, 0.1).item() == pytest.approx(1, abs=1e-5)
    # An even student before a certain teacher: d = (1/4 + 1/4) / 2, discounted by its own entropy, which it pays for.
    expected = math.exp(-1) * 0.25 + 0.1
    assert weighted_inconsistency(EVEN, SURE, FEATURE, 0.1).item() == pytest.approx(expected, abs=1e-5)
    # An even teacher before a certain student is discounted as much, for free.
    assert weighted_inconsistency(SURE, EVEN, FEATURE, 0.1).item() == pytest.approx(math.exp(-1) * 0.25, abs=1e-5)
    # An uncertain feature discounts the whole case.
    even_feature = torch.full((1, 4, 3), 0.25)
    found = weighted_inconsistency(SURE, SURE.flip(1), even_feature, 0.1)
    assert found.item() == pytest.approx(math.exp(-1), abs=1e-5)


def test_cases_are_weighed_by_their_own_feature():
    student, teacher = torch.cat([SURE, SURE]), torch.cat([SURE.flip(1), SURE])
    feature = torch.cat([torch.full((1, 4, 3), 0.25), FEATURE])
    # The certain feature belongs to the case without a difference.
    assert weighted_inconsistency(student, teacher, feature, 0.0).item() == pytest.approx(math.exp(-1) / 2, abs=1e-5)


@given(st.integers(0, 2**31), st.sampled_from([2, 4]), st.floats(0, 1))
def test_inconsistency_lies_between_0_and_1_plus_the_price(seed, channels, price):
    found = weighted_inconsistency(random(seed, channels), random(seed + 1, channels), random(seed + 2, 16), price)
    assert -1e-5 <= found.item() <= 1 + price + 1e-5


def test_certain_agreement_costs_nothing():
    assert weighted_inconsistency(SURE, SURE, FEATURE, 0.1).item() == pytest.approx(0, abs=1e-5)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="equal shapes"):
        weighted_inconsistency(SURE, SURE.expand(2, 2, 3), FEATURE, 0.1)


def test_the_teacher_gives_mean_probabilities_of_classes_and_of_the_last_feature():
    method, data = built(), batch()
    target, feature = method.teach(data.images)
    assert target.shape == (4, 2, *SIZE)
    assert feature.shape == (4, 4, *SIZE)
    for values in (target, feature):
        torch.testing.assert_close(values.sum(dim=1), torch.ones(4, *SIZE))
        assert not values.requires_grad


@pytest.mark.parametrize(("channels", "copies"), [(2, 1), (16, 2), (16, 8)])
def test_the_mean_over_copies_is_that_of_whole_tensors(channels, copies):
    outputs = 3 * torch.randn(2 * copies, channels, 4, 5, 6).bfloat16()
    expected = torch.softmax(outputs.float(), dim=1).unflatten(0, (copies, 2)).mean(dim=0)
    torch.testing.assert_close(mean_softmax(outputs, copies), expected)


def test_the_teacher_without_chance_is_one_pass():
    method, data = built(), batch()
    method.teacher.noise = 0.0
    for layer in method.teacher.modules():
        if isinstance(layer, torch.nn.modules.dropout._DropoutNd):
            layer.p = 0.0
    logits, feature = method.teacher(data.images)
    found = method.teach(data.images)
    torch.testing.assert_close(found[0], torch.softmax(logits, dim=1), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1], torch.softmax(feature, dim=1), atol=1e-5, rtol=0)


def test_the_teacher_follows_though_it_has_a_head_more():
    method, data = built(), batch()
    method.start_training({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0})
    method.train_step(data, 0)
    pairs = zip(method.student.parameters(), method.teacher.parameters(), strict=True)
    assert all(torch.equal(student, teacher) and teacher.grad is None for student, teacher in pairs)


def test_the_inconsistency_sees_labelled_and_unlabelled_cases_and_warms_up():
    method, data = built(), batch()

    def inconsistency(images: Tensor, step: int) -> float:
        torch.manual_seed(2)
        return method.losses(Batch(images, data.labels), step)["inconsistency"].item()

    start = inconsistency(data.images, 0)
    assert inconsistency(data.images, 6000) / start == pytest.approx(math.exp(5), rel=1e-5)
    for part in (slice(0, 2), slice(2, 4)):
        changed = data.images.clone()
        changed[part] *= -1
        assert inconsistency(changed, 0) != start


@pytest.mark.parametrize("label", [0, 1])
def test_a_patch_without_or_full_of_the_object_is_finite(label):
    data = batch()
    terms = built().losses(Batch(data.images, torch.full_like(data.labels, label)), 0)
    assert all(torch.isfinite(term) for term in terms.values())
    sum(terms.values()).backward()
