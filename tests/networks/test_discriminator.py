import pytest
import torch
from golden import compare, rule
from torch import nn
from torch.nn import functional

from dmd.networks.discriminator import PairDiscriminator, VoxelDiscriminator, held


@pytest.mark.parametrize("case", compare.read("discriminator"), ids=lambda case: case["class"])
@rule.in_float64()
def test_outputs_and_gradients_are_those_of_the_public_code(case):
    samples, channels, *size = case["shape"]
    maps = torch.tanh(rule.images(case["seed"] + 1, (samples, channels, *size)))
    images = rule.images(case["seed"], (samples, 1, *size))
    pair = case["class"] != "FCDiscriminatorDAP"
    inputs = (maps, images) if pair else (torch.softmax(maps, dim=1),)
    network = (PairDiscriminator if pair else VoxelDiscriminator)(case["dimensions"], channels, case["width"])
    rule.fill(network.eval(), lambda: network(*inputs), case["seed"])

    evaluated = network(*inputs)
    output = rule.without_dropout(network.train())(*inputs)
    if pair:
        loss = functional.cross_entropy(output, torch.arange(samples) % 2)
    else:
        loss = functional.binary_cross_entropy_with_logits(output, torch.ones_like(output))
        output, evaluated = torch.sigmoid(output), torch.sigmoid(evaluated)
    compare.require_parameters(case, network)
    compare.require_outputs(case, output=output, evaluated=evaluated)
    compare.require_terms(case, {"discriminator": loss})
    compare.require_gradients(case, {"discriminator": loss}, discriminator=network)


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
