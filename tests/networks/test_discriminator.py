import json

import pytest
import torch
from golden import rule
from torch import nn
from torch.nn import functional

from dmd.networks.discriminator import PairDiscriminator, VoxelDiscriminator, held

CASES = ("FC3DDiscriminator", "FCDiscriminatorDAP", "FCDiscriminator")


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_the_public_code(name, root):
    golden = json.loads((root / "tests/golden/discriminator.json").read_text())
    (case,) = [case for case in golden["cases"] if case["class"] == name]
    samples, channels, *size = case["shape"]
    maps = torch.tanh(rule.images(golden["seed"] + 1, (samples, channels, *size)))
    images = rule.images(golden["seed"], (samples, 1, *size))
    pair = name != "FCDiscriminatorDAP"
    inputs = (maps, images) if pair else (torch.softmax(maps, dim=1),)
    kind = PairDiscriminator if pair else VoxelDiscriminator
    network = rule.without_dropout(kind(case["dimensions"], case["channels"]))
    rule.fill(network, lambda: network(*inputs), golden["seed"])

    logits = network(*inputs)
    if pair:
        loss = functional.cross_entropy(logits, torch.arange(samples) % 2)
        assert logits.flatten().tolist() == pytest.approx(case["outputs"]["logits"], abs=1e-5)
    else:
        loss = functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        assert rule.points(torch.sigmoid(logits)) == pytest.approx(case["outputs"]["probabilities"], abs=1e-5)
    loss.backward()
    assert sum(weight.numel() for weight in network.parameters()) == case["parameters"]
    assert loss.item() == pytest.approx(case["terms"]["discriminator"], rel=1e-5)
    assert rule.gradient_norm(network) == pytest.approx(case["gradient_norms"]["discriminator"], rel=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (32, 16), (64, 48), (16, 16, 16), (32, 16, 16)])
def test_any_patch_has_two_logits_and_a_map_as_large_as_itself(size):
    maps, images = torch.rand(3, 2, *size), torch.rand(3, 1, *size)
    assert PairDiscriminator(len(size), 2, width=2)(maps, images).shape == (3, 2)
    assert VoxelDiscriminator(len(size), 2, width=2)(maps).shape == (3, 1, *size)


def test_a_held_network_lets_gradients_through_to_its_input_and_keeps_none():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    inputs = torch.randn(2, 1, 8, 8, requires_grad=True)
    with held(network):
        outputs = network(inputs)
        assert not network.training
    outputs.square().sum().backward()
    assert inputs.grad.abs().sum() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in network.parameters())
    assert all(module.training for module in network.modules())
    assert network[1].num_batches_tracked == 0


def test_a_held_network_is_released_after_an_error():
    network = nn.Linear(1, 1)
    with pytest.raises(RuntimeError), held(network):
        raise RuntimeError
    assert network.training
    assert network.weight.requires_grad
