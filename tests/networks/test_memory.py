"""What planning says that a network needs at least is what it needs."""

from math import prod

import pytest
import torch
from conftest import tiny_training

from dmd.networks.build import Build
from dmd.planning.trainable import least_memory


@pytest.mark.parametrize(("kind", "patch"), [("vnet", [48, 48, 32]), ("unet", [64, 64])])
def test_weights_and_what_the_way_back_needs_are_as_planned(kind, patch):
    training = tiny_training(len(patch), "dmd", {}) | {"patch": patch, "network": {"kind": kind, "width": 8}}
    network = Build.from_settings(training).network(1)
    own = {parameter.data_ptr() for parameter in network.parameters()}
    kept = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network(torch.zeros(training["batch"]["labelled"], 1, *patch))
    weights, computed = least_memory(training)
    assert weights == pytest.approx(3 * 4 * sum(parameter.numel() for parameter in network.parameters()), rel=0.01)
    assert computed <= sum(kept.values()) <= 1.1 * computed


def test_copies_of_the_unlabelled_images_take_their_part():
    """A thousand copies of 2 images: input and output of the first level, 4 channels in 4 bytes."""
    training = tiny_training(3, "uamt", {"copies": 1000})
    assert least_memory(training)[1] == 2 * 1000 * 2 * 4 * 4 * prod(training["patch"])
