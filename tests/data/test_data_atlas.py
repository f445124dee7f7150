import numpy as np
import pytest

from dmd.data.atlas import atlas, surprise


def box(shape: tuple[int, ...], *sides: slice) -> np.ndarray:
    label = np.zeros(shape, np.uint8)
    label[sides] = 1
    return label


def test_the_atlas_is_the_frequency_of_each_class():
    first, second = box((4, 4), slice(0, 2)), box((4, 4), slice(0, 1))
    second[3] = 2
    assert atlas([first, second], classes=3).tolist() == [
        [[1.0] * 4, [0.5] * 4, [0.0] * 4, [0.0] * 4],
        [[0.0] * 4, [0.0] * 4, [0.0] * 4, [0.5] * 4],
    ]


def test_cases_of_other_sizes_meet_on_their_median():
    labels = [box((size, 6), slice(0, size // 2)) for size in (4, 8, 16)]
    found = atlas(labels, classes=2)
    assert found.shape == (1, 8, 6)
    assert found.dtype == np.float32
    assert (found[0, :3] == 1).all()
    assert (found[0, 5:] == 0).all()
    assert [surprise(found, label).shape for label in labels] == [label.shape for label in labels]


def test_surprise_is_small_where_the_atlas_agrees():
    labels = [box((8, 8, 8), slice(2, 6), slice(2, 6), slice(2, stop)) for stop in (5, 6)]
    found = surprise(atlas(labels, classes=2), labels[0])
    assert found[0, 0, 0] == found[3, 3, 3] == 0
    assert found[3, 3, 5] == pytest.approx(0.5)


def test_a_single_case_has_no_doubt_on_its_own_grid():
    label = np.random.default_rng(0).integers(0, 3, (5, 6))
    assert (surprise(atlas([label], classes=3), label) == 0).all()


def test_the_probabilities_stay_within_bounds_for_any_sizes():
    random = np.random.default_rng(1)
    labels = [random.integers(0, 4, tuple(random.integers(3, 9, 3))) for _ in range(5)]
    prior = atlas(labels, classes=4)
    assert prior.min() >= 0
    assert prior.sum(axis=0).max() <= 1 + 1e-6
    for label in labels:
        found = surprise(prior, label)
        assert found.dtype == np.float32
        assert 0 <= found.min() <= found.max() <= 1
