import math

import pytest
import torch
from conftest import tiny_training
from torch import nn

from dmd.data.batches import Batch
from dmd.errors import InputError
from dmd.methods import base
from dmd.methods.ssnet import Memory, SSNet, _weighted_distance
from dmd.networks.build import Build

PARAMS = {
    "consistency": 1.0,
    "rampup": 40,
    "separation": 0.1,
    "probe": 10.0,
    "magnitude": 10.0,
    "prototypes": 4,
    "ranking": "lowest",
}


def made(dimensions: int = 3, **changes) -> SSNet:
    torch.manual_seed(0)
    spec = tiny_training(dimensions, "ssnet", PARAMS | changes)
    return base.make(spec["method"], Build.from_settings(spec)).train()


def images(dimensions: int = 3, count: int = 4) -> torch.Tensor:
    return torch.randn(count, 1, *[16] * dimensions)


def test_the_weighted_distance_of_two_voxels_and_two_prototypes():
    members, prototypes = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[5.0, 0.0], [0.0, 1.0]])
    # Each voxel equals one prototype (distance 0) and is orthogonal to the other (distance 1): 1/2 for any weights.
    assert _weighted_distance(members, prototypes, torch.tensor([[0.3], [-2.0]])).item() == pytest.approx(0.5)
    # Only the first prototype: distances 0 and 1; weights 3/4 and 1/4 of mean 1 are 3/2 and 1/2.
    scores = torch.tensor([[math.log(3)], [math.log(1 / 3)]])
    assert _weighted_distance(members, prototypes[:1], scores).item() == pytest.approx(0.25)


def test_an_empty_memory_adds_nothing():
    method = made()
    feature = torch.randn(2, 4, 16, 16, 16)
    assert method._closeness(feature, torch.ones(2, 16, 16, 16).long()).item() == 0
    assert method.memory.counts.tolist() == [0, 0]


def test_a_class_with_one_prototype_or_one_voxel_adds_nothing():
    method = made()
    feature, labels = torch.randn(2, 4, 16, 16, 16), torch.zeros(2, 16, 16, 16).long()
    method.memory.replace(1, torch.randn(1, 32))
    assert method._closeness(feature, torch.ones_like(labels)).item() == 0
    method.memory.replace(1, torch.randn(2, 32))
    assert method._closeness(feature, torch.ones_like(labels)).item() > 0
    labels[0, 0, 0, 0] = 1
    assert method._closeness(feature, labels).item() == 0


def test_the_memory_holds_the_prototypes_of_the_last_step_in_which_a_class_was_right():
    method = made(2)
    feature, labels = torch.randn(2, 4, 16, 16), torch.zeros(2, 16, 16).long()
    labels[0, 0, :3] = 2
    method._remember(feature, labels, labels)
    assert method.memory.counts.tolist() == [0, 0, 3]
    before = method.memory[2].clone()
    method._remember(torch.randn_like(feature), torch.zeros_like(labels), labels)
    assert torch.equal(method.memory[2], before)
    labels[0, 0, :10] = 2
    method._remember(feature, labels, labels)
    assert method.memory.counts.tolist() == [0, 0, 4]
    assert not torch.equal(method.memory[2][:3], before)


@pytest.mark.parametrize("ranking", ["lowest", "highest"])
def test_prototypes_are_those_of_extreme_score(ranking):
    method = made(ranking=ranking)
    method.selectors[1] = nn.Linear(32, 1)
    projected = torch.randn(20, 32)
    scores = method.selectors[1](projected)[:, 0]
    chosen = method.selectors[1](method._select(1, projected))[:, 0]
    expected = scores.sort(descending=ranking == "highest").values[:4]
    assert torch.allclose(chosen, expected)


def test_the_memory_is_part_of_the_state():
    memory = Memory(2, 4)
    memory.replace(1, torch.ones(3, 32))
    other = Memory(2, 4)
    other.load_state_dict(memory.state_dict())
    assert other[1].shape == (3, 32)
    memory.replace(1, torch.ones(1, 32))
    assert memory.features[1, 1:].abs().sum() == 0


def trained(method: SSNet, label: int, start: int, stop: int) -> list[dict[str, float]]:
    """Return the terms of steps in which every labelled voxel is of one class."""
    labels, history = torch.full((2, 16, 16, 16), label), []
    for step in range(start, stop):
        torch.manual_seed(step)
        history.append({name: term.item() for name, term in method.train_step(Batch(images(), labels), step).items()})
    return history


def test_a_resumed_run_reads_the_prototypes_of_before_the_cut(tmp_path):
    straight, resumed, forgetful = (made() for _ in range(3))
    for method in (straight, resumed, forgetful):
        method.start_training({"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001})
    with torch.no_grad():
        straight.network.heads[0].bias[1] += 5
    # The object is found before the cut and absent from the labels after it, where unlabelled voxels are taken for it.
    trained(straight, label=1, start=0, stop=3)
    torch.save(straight.training_state(), tmp_path / "state.pt")
    remembered = straight.memory[1].clone()
    expected = trained(straight, label=0, start=3, stop=6)
    assert len(remembered) > 1
    assert torch.equal(straight.memory[1], remembered)
    assert all(terms["closeness_unlabelled"] > 0 for terms in expected)

    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed.load_training_state(state)
    assert trained(resumed, label=0, start=3, stop=6) == expected
    state["modules"]["memory.counts"].zero_()
    forgetful.load_training_state(state)
    assert trained(forgetful, label=0, start=3, stop=6) != expected


@pytest.mark.parametrize("labels", [torch.zeros(2, 16, 16, 16).long(), torch.ones(2, 16, 16, 16).long()])
def test_a_patch_without_or_full_of_the_object_is_finite(labels):
    method = made()
    terms = method.losses(Batch(images(), labels), 0)
    assert all(torch.isfinite(term) for term in terms.values())


def test_the_smoothness_is_that_of_equal_predictions_without_noise():
    # Dice with linear denominators of p with itself: 1 - mean of the sum of squared probabilities.
    method = made(magnitude=0.0)
    method.network.encoder.dropout.p = method.network.decoder.dropout.p = 0.0
    batch = images()
    predicted = torch.softmax(method.network(batch).detach(), dim=1)
    expected = 1 - predicted.square().sum(dim=1).mean()
    assert method._smoothness(batch).item() == pytest.approx(expected.item(), abs=1e-5)


def test_an_unknown_ranking_is_refused():
    with pytest.raises(InputError, match="unknown ranking 'higest'; did you mean 'highest'"):
        made(ranking="higest")
