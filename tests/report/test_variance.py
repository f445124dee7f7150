"""What runs add to a score, how errors add up, and what a test can find."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from dmd.report.variance import add, detectable, run_effects

tables = st.tuples(st.integers(2, 5), st.integers(2, 8)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(-80, 80).map(lambda value: value / 8))
)


def test_effects_of_runs_that_differ_alike_on_every_patient():
    # Means 1, 2, 3 of variance 1, which their effects have about 0 when one is drawn: (-a, 0, a) with 2 a^2 / 3 = 1.
    assert run_effects(np.outer([1.0, 2, 3], np.ones(4))) == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])


def test_noise_on_single_patients_is_not_the_runs():
    # Both have residuals of 1 in size: 4 / (1 x 1) over 2 patients is 2 of a mean's variance. Means 1, 3: variance 2,
    # all noise. Means 1, 5: variance 8, of which 6 are the runs'.
    assert run_effects(np.array([[0.0, 2], [4, 2]])).tolist() == [0, 0]
    assert run_effects(np.array([[0.0, 2], [6, 4]])) == pytest.approx([-(6**0.5), 6**0.5])


def test_of_one_run_or_one_patient_nothing_is_known():
    assert run_effects(np.array([[1.0, 2, 3]])).tolist() == [0]
    assert run_effects(np.array([[1.0], [5.0]])).tolist() == [0, 0]


@given(tables, st.integers(-8, 8))
def test_effects_add_to_nothing_and_know_neither_patients_nor_the_level(scores, shift):
    found = run_effects(scores)
    assert found.sum() == pytest.approx(0, abs=1e-9)
    assert run_effects(scores + shift + np.arange(scores.shape[1])) == pytest.approx(found, abs=1e-6)
    # Never more than the variance of the means.
    assert np.mean(found**2) <= scores.mean(axis=1).var(ddof=1) + 1e-9


def test_the_part_of_runs_is_right_on_average():
    random = np.random.default_rng(0)
    drawn = [random.normal(0, 2, (3, 1)) + random.normal(0, 4, (3, 20)) for _ in range(3000)]
    assert np.mean([np.mean(run_effects(of) ** 2) for of in drawn]) == pytest.approx(4, abs=0.3)


def test_errors_add_with_satterthwaites_degrees():
    # (3 + 1)^2 / (9 / 19 + 1 / 2) = 16.432
    assert add([(3.0, 19), (1.0, 2)]) == pytest.approx((4, 16.432), abs=1e-3)
    assert add([(0.0, 19), (0.0, 0)]) == (0, np.inf)


@pytest.mark.parametrize(("degrees", "level"), [(19, 0.05), (19, 0.0125), (4, 0.05)])
def test_a_test_finds_the_detectable_difference_four_times_of_five(degrees, level):
    place = detectable(1, degrees, level)
    power = stats.nct.sf(stats.t.ppf(1 - level / 2, degrees), degrees, place)
    assert power == pytest.approx(0.8, abs=0.03)
