import pytest
import torch
from torch import nn

from dmd.errors import InputError
from dmd.networks.build import Build, Network
from dmd.networks.unet import UNetEncoder

FULL = Build(dimensions=2, classes=4, kind="unet", iterations=600, reference_iterations=30000)
SMALL = Build(dimensions=2, classes=4, kind="unet", iterations=600, reference_iterations=30000, width=4)


def parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_counts_are_those_of_the_public_u_net():
    assert parameters(FULL.network(4)) == 1_813_764
    assert parameters(FULL.encoder()) == 1_180_464
    assert parameters(FULL.network(4, 3)) == 1_814_199
    assert parameters(FULL.network(4, 4)) == 1_814_344


def test_parameter_counts_are_those_of_mc_net():
    encoder = parameters(FULL.encoder())
    decoders = [parameters(FULL.decoder(name), FULL.head(4)) for name in ("bilinear", "transposed", "nearest")]
    assert encoder + sum(decoders[:2]) == 2_577_624
    assert encoder + sum(decoders) == 3_210_924


@pytest.mark.parametrize("upsampling", ["bilinear", "transposed", "nearest"])
def test_outputs_have_the_size_of_the_images(upsampling):
    network = Network(SMALL.encoder(), SMALL.decoder(upsampling), SMALL.head(4))
    assert network(torch.randn(2, 1, 16, 48)).shape == (2, 4, 16, 48)


def test_dropout_rates_are_the_released_ones():
    rates = [layer.p for layer in UNetEncoder(dropout=0.5).modules() if isinstance(layer, nn.Dropout)]
    assert rates == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.5])


def test_dropout_acts_in_training_and_not_in_evaluation():
    torch.manual_seed(0)
    images = torch.randn(2, 1, 32, 32)
    network = SMALL.network(4)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_two_networks_built_in_a_row_start_differently():
    first, second = SMALL.network(4), SMALL.network(4)
    weights = zip(first.parameters(), second.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in weights)


def test_every_parameter_is_trained():
    network = SMALL.network(4, 3)
    sum(output.square().mean() for output in network(torch.randn(2, 1, 32, 32))).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_four_classes_need_four_logits():
    assert FULL.logit_channels == 4


def test_an_unknown_upsampling_is_refused_with_a_hint():
    with pytest.raises(InputError, match="did you mean 'bilinear'"):
        SMALL.decoder("trilinear")
