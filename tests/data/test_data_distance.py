import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dmd.data.distance import signed_distance, signed_distances


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
