import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from dmd.data.distance import signed_distance, signed_distances
from dmd.data.euclidean import squared_distances


def ball(size: int = 24, radius: float = 7) -> np.ndarray:
    grid = np.indices((size, size, size - 4))
    centre = np.array([12, 11, 10]).reshape(3, 1, 1, 1)
    return ((grid - centre) ** 2).sum(axis=0) <= radius**2


def slow_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every foreground voxel to its nearest background voxel, pair by pair."""
    found = np.zeros(mask.shape)
    background = np.argwhere(~mask)
    for place in np.argwhere(mask):
        found[tuple(place)] = np.sqrt(((background - place) ** 2).sum(axis=1).min())
    return found


def test_a_ball_is_negative_inside_and_spans_both_units():
    mask = ball()
    phi = signed_distance(mask)
    assert phi.dtype == np.float32
    assert phi.min() == phi[12, 11, 10] == -1
    assert phi.max() == 1
    assert (phi[mask] <= 0).all()
    assert (phi[~mask] > 0).all()
    assert phi[5, 11, 10] == 0
    assert phi[4, 11, 10] == pytest.approx(1 / slow_distance(~mask).max())


def test_values_by_hand():
    phi = signed_distance(np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]], bool))
    d = 1 / np.sqrt(2)  # a face neighbour of the mask, in units of the corner's distance
    expected = [[1, d, d, d], [d, 0, 0, 0], [d, 0, -2 / 3, -2 / 3], [d, 0, -2 / 3, -1]]
    assert phi == pytest.approx(np.array(expected))


def test_an_absent_class_is_zero_and_a_filled_patch_is_inside():
    labels = np.stack([np.zeros((6, 5), np.int64), np.full((6, 5), 2)])
    found = signed_distances(labels, classes=3)
    assert found.shape == (2, 2, 6, 5)
    assert (found[0] == 0).all()
    assert (found[1, 0] == 0).all()
    assert (found[1, 1] == -1).all()


@given(arrays.arrays(bool, st.tuples(*[st.integers(1, 5)] * 3)))
def test_it_is_the_formula_for_any_mask(mask):
    phi = signed_distance(mask)
    assert np.isfinite(phi).all()
    assert np.abs(phi).max() <= 1
    if mask.any() and not mask.all():
        outside, inside = slow_distance(~mask), slow_distance(mask)
        expected = outside / outside.max() - inside / inside.max()
        expected[inside == 1] = 0
        assert phi == pytest.approx(expected, abs=1e-6)


@st.composite
def sparse_masks(draw):
    """Masks of up to 40 voxels a side, with one to five True: empty lines and planes, far corners."""
    shape = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    mask = np.zeros(shape, bool)
    for place in draw(st.lists(st.tuples(*[st.integers(0, size - 1) for size in shape]), min_size=1, max_size=5)):
        mask[place] = True
    return mask


def by_scipy(mask: np.ndarray) -> np.ndarray:
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return ((nearest.astype(np.int64) - np.indices(mask.shape)) ** 2).sum(axis=0)


@settings(max_examples=200)
@given(sparse_masks() | arrays.arrays(bool, st.tuples(*[st.integers(1, 6)] * 3)).filter(np.any))
def test_squared_distances_are_exact(mask):
    assert np.array_equal(squared_distances(mask), by_scipy(mask))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((7, 7), np.uint8), ((112, 112, 80), np.uint16), ((256, 256), np.uint32), ((130, 130, 90), np.uint32)],
)
def test_no_sum_of_squares_overflows(shape, kind):
    # From corner to corner is the longest way there is.
    corners = [tuple(0 for _ in shape), tuple(size - 1 for size in shape)]
    for corner in corners:
        mask = np.zeros(shape, bool)
        mask[corner] = True
        squares = squared_distances(mask)
        assert squares.dtype == kind
        assert np.array_equal(squares, by_scipy(mask))
