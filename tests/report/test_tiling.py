import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dmd.methods.base import Predictor
from dmd.networks.build import Build
from dmd.report.panels.tiling import _tiles, tiled
from dmd.testing.inference import sliding_window

CPU = torch.device("cpu")


def volume(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_tiles_take_each_voxel_from_the_window_in_which_it_is_most_central():
    seen = []

    def network(images: Tensor) -> tuple[Tensor, Tensor]:
        """The image, and the distance of a voxel to the middle of its window along x."""
        seen.append(tuple(images.shape))
        middle = torch.arange(16).sub(7.5).abs().reshape(1, 1, 16, 1, 1)
        return images, torch.cat([images, torch.zeros_like(images) + middle], dim=1)

    image = volume(27, 16, 5)
    one, two = tiled(network, image.numpy(), [16, 16, 16], CPU)
    assert sum(shape[0] for shape in seen) == 3
    assert torch.equal(one, image[None])
    # Windows start at 0, 8 and 11: their middles are 7.5, 15.5 and 18.5.
    middles = torch.tensor([7.5, 15.5, 18.5])
    expected = (torch.arange(27)[:, None] - middles).abs().min(dim=1).values
    assert torch.equal(two[1, :, 0, 0], expected)


@given(st.integers(16, 80))
def test_tiles_cover_an_axis_once(size):
    tiles = _tiles(size, 16)
    assert [index for _, core, _ in tiles for index in range(size)[core]] == list(range(size))
    for window, core, within in tiles:
        assert range(size)[window][within] == range(size)[core]


def test_one_tile_is_the_window():
    torch.manual_seed(0)
    made = Predictor(Build(3, 2, "vnet", 1, 1, width=2).network(1)).eval()
    image = volume(16, 32, 16)
    (found,) = tiled(made, image.numpy(), [16, 32, 16], CPU)
    assert torch.allclose(found, sliding_window(made, image, [16, 32, 16], [16, 32, 16], 1, CPU), atol=1e-6)
    assert not found.requires_grad
