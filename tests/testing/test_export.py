import pytest
import torch
from torch import Tensor, nn

from dmd.errors import InputError
from dmd.testing.export import export_program


class Drawing(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.rand_like(images)


class Deciding(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images if images.sum() > 0 else -images


@pytest.mark.parametrize(
    ("predictor", "message"),
    [(Drawing(), "apart. Does the predictor draw random numbers"), (Deciding(), "It must not decide by the values")],
)
def test_a_predictor_that_is_no_function_of_images_is_refused(predictor, message, tmp_path):
    with pytest.raises(InputError, match=message):
        export_program(predictor, [4, 4], tmp_path / "network.pt2")
    assert not list(tmp_path.iterdir())


def test_no_path_of_this_machine_is_in_the_program(tmp_path, root):
    export_program(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Softmax(dim=1)), [4, 4], tmp_path / "network.pt2")
    assert str(root).encode() not in (tmp_path / "network.pt2").read_bytes()
