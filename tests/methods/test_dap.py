import math

import numpy as np
import pytest
import torch
from conftest import tiny_cases, tiny_training

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.methods.dap import DAP, bayesian, self_training
from dmd.networks.build import Build


@pytest.fixture
def method(content) -> DAP:
    spec = tiny_training(3, "dap", content["methods"]["dap"]["params"])
    made = base.make(spec["method"], Build.from_settings(spec)).train()
    made.start_training(spec["optimiser"])
    return made


def batch(labelled: int = 2, unlabelled: int = 2) -> Batch:
    labels = torch.zeros(labelled, 16, 16, 16, dtype=torch.int64)
    labels[:, :8] = 1
    images = torch.randn(labelled + unlabelled, 1, 16, 16, 16)
    return Batch(images, labels, {"surprise": torch.zeros(labelled, 16, 16, 16)})


def constant_opinion(method: DAP, odds: float) -> None:
    """Let the discriminator find everything equally true."""
    last = [layer for layer in method.discriminator.modules() if hasattr(layer, "bias")][-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(math.log(odds))


def test_the_supervised_term_by_hand():
    logits = torch.tensor([[[0.0, 0.0], [0.0, math.log(3)]]])  # p_1 = 1/2, 3/4
    found = bayesian(logits, torch.tensor([[1, 0]]), torch.tensor([[0.5, 0.2]]), focusing=2)
    expected = ((0.25 + 0.25) * math.log(2) + (9 / 16 + 0.04) * math.log(4)) / 2
    assert found.item() == pytest.approx(expected)
    assert bayesian(logits, torch.tensor([[1, 0]]), torch.zeros(1, 2), focusing=0).item() == pytest.approx(
        math.log(2) + math.log(4)
    )


def test_the_weights_of_the_supervised_term_carry_no_gradient():
    logits = torch.zeros(1, 2, 1, requires_grad=True)
    bayesian(logits, torch.tensor([[1]]), torch.tensor([[0.5]]), focusing=2).backward()
    # d(-ln p)/dz = p - y, times the weight 1/4 + 1/4.
    assert logits.grad.flatten().tolist() == pytest.approx([0.25, -0.25])


def test_surprise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="expected equal shapes"):
        bayesian(torch.zeros(2, 2, 4), torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, 1), focusing=2)


def test_saturated_logits_stay_finite():
    logits = torch.tensor([[[100.0, -100.0], [-100.0, 100.0]]], requires_grad=True)
    loss = bayesian(logits, torch.tensor([[1, 1]]), torch.ones(1, 2), focusing=2)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_self_training_is_a_mean_over_trusted_voxels():
    logits = torch.tensor([[[0.0, math.log(3), 5.0], [0.0, 0.0, 0.0]]])
    trusted = torch.tensor([[True, True, False]])
    assert self_training(logits, trusted).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert self_training(logits, torch.zeros_like(trusted)).item() == 0


def test_the_adversarial_terms_by_hand(method):
    constant_opinion(method, odds=3)
    terms = method.train_step(batch(), 0)
    assert terms["adversarial_labelled"].item() == pytest.approx(0.01 * math.log(4 / 3), rel=1e-5)
    assert terms["adversarial_unlabelled"].item() == pytest.approx(0.001 * math.log(4 / 3), rel=1e-5)
    assert terms["discriminator"].item() == pytest.approx((math.log(4) + math.log(4 / 3)) / 2, rel=1e-5)


@pytest.mark.parametrize(("step", "odds", "active"), [(2, 3, False), (3, 3, True), (3, 0.2, False)])
def test_self_training_starts_after_a_quarter_and_needs_trust(method, step, odds, active):
    # Ten steps stand for 6000 iterations: step 3 is the first after 1500.
    constant_opinion(method, odds)
    assert (method.losses(batch(), step)["self_training"].item() > 0) == active


def test_extras_are_made_of_the_labelled_cases_alone(method):
    cases = tiny_cases(3)
    found = method.extras(cases[:2])["surprise"]
    assert [array.shape for array in found] == [case.label.shape for case in cases[:2]]
    # The tiny cases share one label map, about which an atlas has no doubt.
    assert all((array == 0).all() for array in found)
    other = np.flip(cases[0].label, axis=0)
    assert found[0].max() == 0
    moved = method.extras([cases[0], type(cases[0])("moved", "moved", cases[0].image, other, None)])["surprise"]
    assert moved[0].max() == 0.5


def test_the_segmenters_losses_leave_no_gradient_in_the_discriminator(method):
    torch.stack(list(method.losses(batch(), 9).values())).sum().backward()
    assert all(weight.grad is None for weight in method.discriminator.parameters())
    assert all(weight.grad is not None for weight in method.segmenter.parameters())


def test_the_discriminator_learns_from_the_prediction_of_before_the_step(method):
    made, calls = batch(), []
    method.segmenter.register_forward_hook(lambda module, inputs, output: calls.append(output.detach()))
    method.train_step(made, 0)
    (logits,) = calls
    assert torch.equal(method.shown(made.images), torch.softmax(logits, dim=1))
    assert not method.shown(made.images).requires_grad


@pytest.mark.parametrize("value", [0, 1])
def test_an_absent_class_and_a_filled_patch_are_finite(method, value):
    made = batch()
    terms = method.train_step(Batch(made.images, torch.full_like(made.labels, value), made.extras), 9)
    assert all(torch.isfinite(term) for term in terms.values())
