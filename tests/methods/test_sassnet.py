import math

import pytest
import torch
from conftest import derived, tiny_training

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.methods.sassnet import SASSNet
from dmd.networks.build import Build
from dmd.schedules import ramp


@pytest.fixture
def method(content) -> SASSNet:
    spec = tiny_training(3, "sassnet", content["methods"]["sassnet"]["params"])
    made = base.make(spec["method"], Build.from_settings(spec)).train()
    made.start_training(spec["optimiser"])
    return made


def batch(method: SASSNet, labelled: int = 2, unlabelled: int = 2) -> Batch:
    labels = torch.zeros(labelled, 16, 16, 16, dtype=torch.int64)
    labels[:, :8] = 1
    extras = derived(method, labels) if labelled else {"distances": torch.zeros(0, 1, 16, 16, 16)}
    return Batch(torch.randn(labelled + unlabelled, 1, 16, 16, 16), labels, extras)


def certain(method: SASSNet, odds: float) -> None:
    """Let the discriminator give class 1 the same odds whatever it sees."""
    with torch.no_grad():
        method.discriminator.classifier.weight.zero_()
        method.discriminator.classifier.bias.copy_(torch.tensor([0.0, math.log(odds)]))


def test_the_adversarial_terms_by_hand(method):
    certain(method, odds=3)
    terms = method.train_step(batch(method), 5)
    weight = 0.01 * ramp(5 * 600 // 150, 40)
    assert terms["adversarial"].item() == pytest.approx(weight * math.log(4 / 3), rel=1e-5)
    # Two labelled cases at -ln 3/4, two unlabelled at -ln 1/4.
    assert terms["discriminator"].item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, rel=1e-5)


def test_the_segmenters_losses_leave_no_gradient_in_the_discriminator(method):
    torch.stack(list(method.losses(batch(method), 0).values())).sum().backward()
    assert all(weight.grad is None for weight in method.discriminator.parameters())
    assert all(weight.grad is not None for weight in method.segmenter.parameters())
    assert all(module.training for module in method.modules())


def test_a_step_shows_the_segmenter_one_batch_and_leaves_both_networks_training(method):
    method.train_step(batch(method), 0)
    counts = [value.item() for name, value in method.segmenter.state_dict().items() if name.endswith("tracked")]
    assert set(counts) == {1}
    assert all(module.training for module in method.modules())
    assert all(weight.requires_grad for weight in method.parameters())


def test_the_discriminator_learns(method):
    made = batch(method)
    maps = torch.tanh(torch.arange(4.0)).reshape(4, 1, 1, 1, 1).expand(4, 1, 16, 16, 16)
    losses = []
    for _ in range(12):
        losses.append(method.discriminator_loss(maps, made))
        method.discriminator_optimiser.zero_grad()
        losses[-1].backward()
        method.discriminator_optimiser.step()
    assert sum(losses[-4:]) < sum(losses[:4])


def test_the_discriminators_rate_is_constant_and_its_optimiser_apart(method):
    method.set_learning_rate(0.5)
    assert method.discriminator_optimiser.param_groups[0]["lr"] == 0.0001
    assert method.discriminator_optimiser.param_groups[0]["betas"] == (0.9, 0.99)
    apart = [
        {id(weight) for group in optimiser.param_groups for weight in group["params"]}
        for optimiser in (method.optimiser, method.discriminator_optimiser)
    ]
    assert apart == [{id(weight) for weight in part.parameters()} for part in (method.segmenter, method.discriminator)]
