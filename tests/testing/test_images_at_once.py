"""As many images at once as the memory of a device holds, counted from what the network computes."""

import pytest
import torch
from torch import Tensor, nn

from dmd.methods.base import Predictor
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels
from dmd.testing import memory
from dmd.testing.memory import ON_CPU, bytes_computed, fitting, images_at_once

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Pair(nn.Module):
    """8 channels at full resolution, 3 at half; its own output is that of its last layer, counted again."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 3, 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        return self.narrow(self.wide(images))


def test_all_that_the_layers_compute_is_counted_and_the_hooks_are_gone():
    network = Pair()
    assert bytes_computed(network, torch.zeros(1, 1, 4, 6)) == 4 * (24 * 8 + 2 * 6 * 3)
    assert not any(module._forward_hooks for module in network.modules())
    with Kernels("bf16").autocast(CPU):
        assert bytes_computed(network, torch.zeros(1, 1, 4, 6)) == 2 * (24 * 8 + 2 * 6 * 3)


def test_a_window_of_the_papers_size_needs_more_than_its_skip_connections():
    """It keeps the features of four levels, and no level computes more than its blocks, their norms and ReLUs."""
    build = Build(3, 2, "vnet", 1, 1, width=2)
    needed = bytes_computed(Predictor(build.network(1)).eval(), torch.zeros(1, 1, 32, 48, 32))
    voxels = 32 * 48 * 32
    assert 4 * voxels * 2 * (1 + 1 / 4 + 1 / 16 + 1 / 64) < needed < 4 * voxels * 2 * 24


def test_never_more_than_half_of_the_free_memory_and_never_none():
    free = 10**9
    assert all(fitting(free, needed) * needed <= free / 2 for needed in (10**6, 10**7, 3 * 10**8, 5 * 10**8))
    assert fitting(0, 10**9) == 1


def test_a_cpu_is_asked_for_nothing(monkeypatch):
    monkeypatch.setattr(memory, "bytes_computed", None)
    assert images_at_once(Pair(), torch.zeros(1, 1, 4, 6), Kernels("fp32").autocast(CPU)) == ON_CPU


def test_what_torch_holds_and_does_not_use_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 50)
    assert memory.free_bytes(CUDA) == 120


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_sees_more_at_once():
    images = torch.zeros(1, 1, 4, 6, device="cuda")
    assert images_at_once(Pair().to("cuda"), images, Kernels("fp32").autocast(CUDA)) == memory.ON_GPU
