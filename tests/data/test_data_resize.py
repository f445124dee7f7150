import numpy as np
import pytest
import torch
from by_numpy import zoomed as by_scipy
from hypothesis import example, given
from hypothesis import strategies as st

from dmd.data.resize import zoom_nearest

# Zooming back from 256 to these sizes of ACDC planes, SciPy reads the last pixel as 0.
ROUNDED_OUTSIDE = (174, 200, 216, 248)

sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))


def zoom(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return zoom_nearest(torch.from_numpy(plane), shape).numpy()


@given(sizes, sizes)
@example((256, 256), (216, 174))
@example((1, 7), (5, 1))
def test_any_sizes_zoom_as_in_scipy(before, after):
    plane = 1 + np.arange(before[0] * before[1], dtype=np.int32).reshape(before)
    assert np.array_equal(zoom(plane, after), by_scipy(plane, after))


@pytest.mark.parametrize("size", [154, 256, 428, 512, *ROUNDED_OUTSIDE])
def test_sizes_of_acdc_zoom_as_in_scipy_both_ways(size):
    plane = np.random.default_rng(size).random((size, size), np.float32)
    there = zoom(plane, (256, 256))
    assert np.array_equal(there, by_scipy(plane, (256, 256)))
    assert np.array_equal(zoom(there, (size, size)), by_scipy(there, (size, size)))


def test_a_row_of_three_becomes_five():
    assert zoom_nearest(torch.tensor([[1, 2, 3]]), (1, 5)).tolist() == [[1, 2, 2, 3, 3]]


@pytest.mark.parametrize("size", ROUNDED_OUTSIDE)
def test_a_last_pixel_rounded_outside_reads_zero(size):
    zoomed = zoom_nearest(torch.ones(256, 256, dtype=torch.uint8), (size, size))
    assert not zoomed[-1].any()
    assert not zoomed[:, -1].any()
    assert zoomed[:-1, :-1].all()


def test_stacks_and_views_zoom_as_planes_do():
    stack = np.random.default_rng(0).random((3, 2, 40, 256), np.float32)
    expected = np.stack([[by_scipy(plane, (64, 216)) for plane in pair] for pair in stack])
    assert np.array_equal(zoom(stack, (64, 216)), expected)
    turned = torch.from_numpy(stack).transpose(2, 3)
    assert torch.equal(zoom_nearest(turned, (30, 50)), zoom_nearest(turned.contiguous(), (30, 50)))


def test_the_same_size_gives_a_copy():
    plane = torch.zeros(4, 4)
    zoom_nearest(plane, (4, 4))[0, 0] = 1
    assert plane[0, 0] == 0
