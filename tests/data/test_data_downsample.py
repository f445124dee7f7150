import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dmd.data.downsample import downsample_image, downsample_label


def test_the_mean_of_a_block_by_hand():
    image = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    found = downsample_image(image, (2, 2, 2))
    assert found.dtype == np.float32
    assert found.tolist() == [[[3.5]]]


def test_each_axis_has_its_own_factor():
    image = np.array([[[0, 2], [4, 6]], [[10, 20], [30, 40]]], np.float32)
    assert downsample_image(image, (1, 2, 1)).tolist() == [[[2, 4]], [[20, 30]]]


def test_a_trailing_plane_that_fills_no_block_is_cropped():
    image = np.array([1, 3, 99], np.float32).reshape(3, 1, 1)
    assert downsample_image(image, (2, 1, 1)).ravel().tolist() == [2]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ([0, 0, 0, 1], 0),
        ([0, 1, 1, 1], 1),
        ([0, 0, 1, 1], 1),  # ties go to the higher class
        ([3, 3, 1, 1], 3),
        ([1, 2, 3, 0], 3),
        ([0, 0, 2, 3], 0),
        ([255, 0, 255, 0], 255),
    ],
)
def test_the_majority_of_a_block_by_hand(block, expected):
    label = np.array(block, np.uint8).reshape(1, 2, 2)
    found = downsample_label(label, (1, 2, 2))
    assert found.dtype == np.uint8
    assert found.tolist() == [[[expected]]]


volumes = arrays.arrays(
    np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6), elements=st.integers(0, 3)
)
factors = st.tuples(*[st.integers(1, 2)] * 3)


@settings(max_examples=60, deadline=None)
@given(volumes, factors)
def test_every_block_has_one_of_its_most_frequent_classes_and_the_highest_of_them(label, factors):
    found = downsample_label(label, factors)
    for place in np.ndindex(found.shape):
        block = label[tuple(slice(i * f, (i + 1) * f) for i, f in zip(place, factors, strict=True))]
        counts = np.bincount(block.ravel())
        assert found[place] == np.flatnonzero(counts == counts.max()).max()


@settings(max_examples=60, deadline=None)
@given(volumes, factors)
def test_the_mean_of_an_image_survives_where_nothing_is_cropped(label, factors):
    image = label.astype(np.float32)
    kept = tuple(slice(size // factor * factor) for size, factor in zip(image.shape, factors, strict=True))
    assert downsample_image(image, factors).mean() == pytest.approx(image[kept].mean(), abs=1e-5)


def test_factors_of_one_change_nothing():
    image = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    label = (image > 0).astype(np.uint8)
    np.testing.assert_array_equal(downsample_image(image, (1, 1, 1)), image)
    np.testing.assert_array_equal(downsample_label(label, (1, 1, 1)), label)
