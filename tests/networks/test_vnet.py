import pytest
import torch
from torch import nn

from dmd.errors import InputError
from dmd.networks.build import Build, Network, check_patch
from dmd.networks.vnet import VNetDecoder, VNetEncoder

FULL = Build(dimensions=3, classes=2, kind="vnet", iterations=600, reference_iterations=6000)
SMALL = Build(dimensions=3, classes=2, kind="vnet", iterations=600, reference_iterations=6000, width=4)
SPEC = {
    "dimensions": 3,
    "classes": 2,
    "network": {"kind": "vnet", "width": 4},
    "patch": [16, 16, 32],
    "iterations": 600,
    "reference_iterations": 6000,
}


def parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def test_parameter_counts_are_those_of_the_public_v_net():
    assert parameters(FULL.network(2)) == 9_448_866
    assert parameters(FULL.network(1)) == 9_448_849
    assert parameters(FULL.network(1, 1)) == 9_448_866
    assert parameters(FULL.network(1), FULL.network(1)) == 18_897_698


def test_parameter_counts_are_those_of_mc_net():
    encoder = parameters(FULL.encoder())
    decoders = [parameters(FULL.decoder(name), FULL.head(2)) for name in ("transposed", "trilinear", "nearest")]
    assert encoder == 7_376_896
    assert decoders[:2] == [2_071_970, 2_898_850]
    assert encoder + sum(decoders[:2]) == 12_347_716
    assert encoder + sum(decoders) == 15_246_566


@pytest.mark.parametrize("upsampling", ["transposed", "trilinear", "nearest"])
def test_outputs_have_the_size_of_the_images(upsampling):
    network = Network(SMALL.encoder(), SMALL.decoder(upsampling), SMALL.head(1))
    assert network(torch.randn(2, 1, 16, 32, 48)).shape == (2, 1, 16, 32, 48)


def test_the_encoder_gives_five_levels_and_the_decoder_the_first_width():
    features = VNetEncoder(width=4)(torch.randn(2, 1, 32, 32, 16))
    assert [tuple(feature.shape) for feature in features] == [
        (2, 4, 32, 32, 16),
        (2, 8, 16, 16, 8),
        (2, 16, 8, 8, 4),
        (2, 32, 4, 4, 2),
        (2, 64, 2, 2, 1),
    ]
    assert VNetDecoder(width=4)(features).shape == (2, 4, 32, 32, 16)


def test_several_heads_give_a_tuple_from_one_feature():
    outputs = SMALL.network(1, 3)(torch.randn(2, 1, 16, 16, 16))
    assert [output.shape[1] for output in outputs] == [1, 3]


def test_dropout_acts_in_training_and_not_in_evaluation():
    torch.manual_seed(0)
    images = torch.randn(2, 1, 16, 16, 32)
    network = SMALL.network(1)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


def test_dropout_drops_whole_channels_of_the_bottleneck_and_of_the_last_feature():
    torch.manual_seed(0)
    encoder, decoder = VNetEncoder(width=16), VNetDecoder(width=16)
    features = encoder(torch.randn(2, 1, 32, 32, 16))
    last = decoder(features)

    def dropped(feature: torch.Tensor) -> float:
        return (feature == 0).flatten(2).all(dim=2).float().mean().item()

    # Batch norm and ReLU leave few channels without a positive voxel: nearly all empty ones are dropped.
    assert 0.4 < dropped(features[-1]) < 0.7
    assert 0.2 < dropped(last) < 0.8
    assert all(dropped(feature) < 0.1 for feature in features[:-1])


def test_decoders_of_one_encoder_draw_their_own_dropout():
    torch.manual_seed(0)
    encoder, first = VNetEncoder(width=4, dropout=0.0), VNetDecoder(width=4)
    second = VNetDecoder(width=4)
    second.load_state_dict(first.state_dict())
    features = encoder(torch.randn(1, 1, 32, 32, 16))
    assert not torch.equal(first(features), second(features))


def test_two_networks_built_in_a_row_start_differently():
    torch.manual_seed(0)
    first, second = SMALL.network(1), SMALL.network(1)
    weights = zip(first.parameters(), second.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in weights)
    torch.manual_seed(0)
    again = SMALL.network(1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_every_parameter_is_trained():
    network = SMALL.network(1)
    network(torch.randn(2, 1, 16, 16, 32)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_clock_runs_through_the_papers_iterations():
    assert [FULL.clock(step) for step in (0, 1, 250, 599)] == [0, 10, 2500, 5990]
    paper = Build(dimensions=3, classes=2, kind="vnet", iterations=6000, reference_iterations=6000)
    assert [paper.clock(step) for step in (0, 1, 2499, 5999)] == [0, 1, 2499, 5999]


def test_a_build_is_read_from_the_settings_of_a_run():
    assert Build.from_settings(SPEC) == SMALL
    assert SMALL.logit_channels == 1


@pytest.mark.parametrize("patch", [[16, 16, 24], [16, 16], [0, 16, 16]])
def test_a_patch_that_does_not_fit_is_refused(patch):
    with pytest.raises(InputError, match="3 positive multiples of 16"):
        Build.from_settings(SPEC | {"patch": patch})
    with pytest.raises(InputError, match="3 positive multiples of 16"):
        check_patch(patch, 3)


def test_wrong_networks_are_refused_with_a_hint():
    with pytest.raises(InputError, match="did you mean 'vnet'"):
        Build.from_settings(SPEC | {"network": {"kind": "v-net"}})
    with pytest.raises(InputError, match="for 2-D images, found 3-D"):
        Build.from_settings(SPEC | {"network": {"kind": "unet"}})
    with pytest.raises(InputError, match="did you mean 'trilinear'"):
        SMALL.decoder("bilinear")
