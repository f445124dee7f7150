import numpy as np
import pytest
import torch
from scipy import ndimage

from dmd.data.rotate import rotate_nearest


@pytest.mark.parametrize("shape", [(256, 216), (154, 232), (33, 33), (1, 7), (2, 1)])
def test_every_angle_rotates_as_in_scipy(shape):
    plane = 1 + np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    for angle in (*range(-20, 21), -45, 45, 90, 135):
        # Where the angle makes ties, the order of the sums decides.
        expected = ndimage.rotate(plane, angle, order=0, reshape=False)
        assert np.array_equal(rotate_nearest(torch.from_numpy(plane), angle).numpy(), expected), angle


def test_a_quarter_turn_of_a_square_moves_every_pixel():
    plane = torch.tensor([[1, 2], [3, 4]])
    assert rotate_nearest(plane, 90).tolist() == [[2, 4], [1, 3]]
