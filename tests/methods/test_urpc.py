import math

import pytest
import torch
from conftest import tiny_training

from dmd.data.batches import Batch
from dmd.errors import InputError
from dmd.methods import base
from dmd.methods.urpc import URPC, noisy, rectified_consistency, without_attended
from dmd.networks.build import Build
from dmd.planning import config, plan


def made() -> URPC:
    torch.manual_seed(0)
    spec = tiny_training(2, "urpc", {"consistency": 0.1, "rampup": 200})
    return base.make(spec["method"], Build.from_settings(spec)).train()


def test_the_consistency_of_two_scales_worked_out_by_hand():
    # One pixel, two classes: p_1 = (0.8, 0.2), p_2 = (0.2, 0.8), mean (0.5, 0.5). Both k are ln(0.5 / 0.4) = ln 1.25,
    # both certainties 0.8, which cancel: L = 0.3^2 + ln 1.25.
    z = math.log(4) / 2
    scales = [torch.tensor([[[[z]], [[-z]]]]), torch.tensor([[[[-z]], [[z]]]])]
    assert rectified_consistency(scales).item() == pytest.approx(0.09 + math.log(1.25), rel=1e-5)


def test_the_squared_difference_weighs_less_where_a_scale_deviates():
    # Two pixels: the scales agree on one (k = 0, weight 1), on the other they are as above (k = ln 1.25, weight 0.8).
    z = math.log(4) / 2
    scales = [torch.tensor([[[[z, 0.0]], [[-z, 0.0]]]]), torch.tensor([[[[-z, 0.0]], [[z, 0.0]]]])]
    expected = (0.09 * 0.8 / 2) / 0.9 + math.log(1.25) / 2
    assert rectified_consistency(scales).item() == pytest.approx(expected, rel=1e-5)


def test_equal_scales_are_consistent_and_certain_ones_finite():
    logits = torch.randn(2, 3, 4, 4)
    assert rectified_consistency([logits] * 4).item() == pytest.approx(0, abs=1e-6)
    certain = [torch.tensor([[[[1000.0]], [[0.0]]]]), torch.tensor([[[[1000.0]], [[0.0]]]])]
    assert rectified_consistency(certain).item() == pytest.approx(0, abs=1e-6)
    opposed = [logits.requires_grad_() for logits in (certain[0].clone(), -certain[0])]
    rectified_consistency(opposed).backward()
    assert all(torch.isfinite(logits.grad).all() for logits in opposed)


def test_the_most_attended_places_are_dropped():
    feature = torch.tensor([[[[1.0, 2.0], [6.5, 10.0]]], [[[5.0, 5.0], [5.0, 5.0]]]])
    found = without_attended(feature)
    assert found[0].tolist() == [[[1.0, 2.0], [6.5, 0.0]]]
    assert found[1].abs().max() == 0


def test_the_noise_is_relative_bounded_and_shared_by_the_batch():
    torch.manual_seed(0)
    found = noisy(torch.ones(3, 4, 16, 16))
    assert found.min() >= 0.7
    assert found.max() <= 1.3
    assert found.std() == pytest.approx(0.6 / math.sqrt(12), rel=0.1)
    assert torch.equal(found[0], found[2])
    assert noisy(torch.zeros(1, 4, 2, 2)).abs().max() == 0


def test_scales_have_the_size_of_the_images_and_are_perturbed_in_training_alone():
    network, images = made().network, torch.randn(2, 1, 16, 32)
    assert [tuple(scale.shape) for scale in network.scales(images)] == [(2, 3, 16, 32)] * 4
    network.eval()
    first, second = network.scales(images), network.scales(images)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(network(images), first[0])


def test_the_deepest_side_repeats_its_pixels():
    network = made().network.eval()
    deepest = network.scales(torch.randn(1, 1, 16, 16))[-1]
    assert torch.equal(deepest, deepest[..., ::8, ::8].repeat_interleave(8, -1).repeat_interleave(8, -2))


def test_absent_classes_are_finite():
    terms = made().losses(Batch(torch.randn(4, 1, 16, 16), torch.zeros(2, 16, 16).long()), 0)
    assert all(torch.isfinite(term) for term in terms.values())


def test_it_is_planned_for_acdc_and_refused_for_the_left_atrium(content, root):
    def planned(dataset: str) -> plan.Plan:
        block = {"dataset": dataset, "labelled": 3, "method": "urpc"}
        content["artefacts"] = {"mine": {"kind": "table", "caption": "", "columns": ["dice"], "runs": [block]}}
        return plan.make(config.check(content | {"build": ["mine"]}), root)

    assert "mine" in planned("acdc").artefacts
    with pytest.raises(InputError, match=r"'mine' .*: method 'urpc' is for 2-D images only, found 3-D data"):
        planned("la")
