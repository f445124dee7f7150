import pytest
import torch
from torch import nn

from dmd.networks.perturbation import adversarial_direction, frozen_statistics, unit


def test_the_direction_is_the_gradient_of_unit_length_per_sample():
    slope = torch.tensor([3.0, 4.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    images = torch.randn(3, 1, 2, 2)
    direction = adversarial_direction(lambda perturbed: (perturbed * slope).sum(), images, probe=10.0)
    assert torch.allclose(direction, (slope / 5).expand(3, -1, -1, -1), atol=1e-6)
    assert not direction.requires_grad


def test_the_first_step_has_the_length_of_the_probe():
    images, seen = torch.zeros(2, 1, 4, 4, 4), []

    def distance(perturbed):
        seen.append(perturbed.detach())
        return perturbed.square().sum()

    adversarial_direction(distance, images, probe=7.0)
    assert seen[0].flatten(1).norm(dim=1).tolist() == pytest.approx([7.0, 7.0], rel=1e-5)


def test_a_prediction_that_does_not_react_is_not_perturbed():
    direction = adversarial_direction(lambda perturbed: (0 * perturbed).sum(), torch.randn(2, 1, 4, 4), probe=10.0)
    assert direction.abs().max() == 0


def test_the_direction_is_drawn_from_the_global_generator():
    def distance(perturbed):
        return perturbed.pow(3).sum()

    images = torch.randn(2, 1, 4, 4)
    torch.manual_seed(3)
    first = adversarial_direction(distance, images, probe=1.0)
    torch.manual_seed(3)
    assert torch.equal(adversarial_direction(distance, images, probe=1.0), first)
    assert not torch.equal(adversarial_direction(distance, images, probe=1.0), first)


def test_gradients_of_parameters_are_not_touched():
    layer = nn.Conv2d(1, 1, 3)
    adversarial_direction(lambda perturbed: layer(perturbed).square().sum(), torch.randn(2, 1, 4, 4), probe=1.0)
    assert layer.weight.grad is None


def test_unit_has_length_one_and_zero_stays_zero():
    vectors = torch.cat([torch.randn(1, 2, 3), torch.zeros(1, 2, 3)])
    assert unit(vectors).flatten(1).norm(dim=1).tolist() == pytest.approx([1.0, 0.0])


def test_frozen_statistics_stay_while_batch_statistics_are_used():
    layer = nn.BatchNorm2d(2)
    images = 5 + torch.randn(4, 2, 3, 3)
    with frozen_statistics(layer):
        assert abs(layer(images).mean().item()) < 1e-5
    assert layer.running_mean.tolist() == [0, 0]
    assert layer.num_batches_tracked == 0
    layer(images)
    assert layer.num_batches_tracked == 1


def test_statistics_are_tracked_again_after_an_error():
    layer = nn.BatchNorm2d(2)
    with pytest.raises(RuntimeError), frozen_statistics(layer):
        raise RuntimeError
    assert layer.track_running_stats
