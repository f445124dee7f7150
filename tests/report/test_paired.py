"""One method beside another and beside itself, over patients and runs."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dmd.errors import InputError
from dmd.report.paired import Comparison, compare, noise_floor
from dmd.report.statistics import hodges_lehmann
from dmd.report.variance import run_effects

from .test_statistics import eighths, samples

# Hollander and Wolfe, Nonparametric Statistical Methods, 1973, Table 3.1: depression scores of nine patients before and
# after a tranquilliser. Their text: estimate -0.46; R's wilcox.test: V = 5, p = 0.01953 one-sided.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def one(values) -> pd.DataFrame:
    """Return the scores of one run."""
    return several(values)


def several(*runs) -> pd.DataFrame:
    """Return the scores of several runs: a line per patient."""
    return pd.DataFrame(np.array(runs, float).T, [f"p{index}" for index in range(len(runs[0]))])


def zero(values) -> pd.DataFrame:
    return one([0.0] * len(values))


def test_the_published_example_of_hollander_and_wolfe():
    found = compare(one(AFTER), one(BEFORE))
    assert found.difference == pytest.approx(-0.46)
    assert found.p == pytest.approx(2 * 0.01953, abs=1e-5)
    assert found.low < found.difference < found.high < 0
    assert (found.patients, found.left_out) == (9, 0)


@settings(max_examples=15)
@given(samples)
def test_turning_the_comparison_turns_its_sign(differences):
    there, back = (
        compare(one(differences), zero(differences)),
        compare(zero(differences), one(differences)),
    )
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-9)
    assert back.p == pytest.approx(there.p)
    assert 0 <= there.p <= 1
    assert there.low <= there.high


@settings(max_examples=15)
@given(samples, eighths)
def test_a_change_of_both_methods_changes_nothing(differences, shift):
    moved = compare(one(differences) + shift, zero(differences) + shift)
    assert moved == compare(one(differences), zero(differences))


def test_the_same_comparison_has_the_same_interval_twice():
    random = np.random.default_rng(3)
    differences = random.normal(1, 2, 20)
    found = compare(one(differences), zero(differences))
    assert found == compare(one(differences), zero(differences))
    # The exact interval of the signed-rank test: Walsh averages 53 and 158 of 210 (tables: 52 for n = 20).
    pairs = itertools.combinations_with_replacement(differences, 2)
    walsh = sorted((first + second) / 2 for first, second in pairs)
    assert (found.low, found.high) == pytest.approx((walsh[52], walsh[157]), abs=0.25)


def test_patients_may_stand_in_any_order():
    first, second = one(AFTER), one(BEFORE)
    assert compare(first[::-1], second) == compare(first, second)


def test_ties_that_rounding_would_break_stay_ties():
    steps = [0.1 + 0.2, 0.3, 0.3, -0.3, 0.3, 0.3, 0.3]
    exact = [0.3, 0.3, 0.3, -0.3, 0.3, 0.3, 0.3]
    assert compare(one(steps), zero(steps)).p == compare(one(exact), zero(exact)).p


def test_equal_methods_differ_by_nothing():
    assert compare(one(BEFORE), one(BEFORE)) == Comparison(9, 0, 0, 0, math.inf, 0, 0, 1, np.nan)


def test_patients_without_the_score_are_left_out_and_counted():
    holes = [*BEFORE[:7], math.nan, math.nan]
    found = compare(one(AFTER), one(holes))
    assert (found.patients, found.left_out) == (7, 2)
    assert found.difference == compare(one(AFTER[:7]), one(BEFORE[:7])).difference


def test_too_few_patients_are_not_tested():
    found = compare(one([1.0, 2.0, 3.0, 4.0, 9.0]), zero(range(5)))
    assert (found.patients, found.difference) == (5, 3)
    assert all(math.isnan(value) for value in (found.low, found.high, found.p))
    # One more and the smallest p there is would be below 0.05.
    assert compare(one([1.0, 2.0, 3.0, 4.0, 9.0, 8.0]), zero(range(6))).p == pytest.approx(2 / 2**6)


def test_no_patient_with_the_score_leaves_no_difference():
    found = compare(one([math.nan] * 8), zero(range(8)))
    assert (found.patients, found.left_out) == (0, 8)
    assert math.isnan(found.difference)


def test_other_patients_are_refused():
    with pytest.raises(InputError, match=r"found \['p6'\] in one of the two only"):
        compare(one(range(7)), one(range(6)))


def test_one_run_each_has_the_interval_of_its_patients_alone():
    found = compare(one(AFTER), one(BEFORE))
    differences, random = np.array(AFTER) - BEFORE, np.random.default_rng(0)
    drawn = stats.bootstrap(
        (differences.round(9),), hodges_lehmann, n_resamples=1999, batch=500, rng=random, method="percentile"
    )
    # Hesterberg's correction: percentiles as far out as t of 8 degrees and sqrt(9 / 8) make them.
    wider = stats.t.ppf(0.975, 8) / stats.norm.ppf(0.975) * (9 / 8) ** 0.5
    low, high = (found.difference + wider * (limit - found.difference) for limit in drawn.confidence_interval)
    assert (found.degrees, found.low, found.high) == pytest.approx((8, low, high))
    assert found.error == pytest.approx(drawn.standard_error * (9 / 8) ** 0.5)
    assert math.isnan(found.p_runs)


def test_the_error_of_runs_by_hand():
    # No patient differs from another: all the error is of the runs at 1, 2 and 3, whose variance is 1.
    found = compare(several([1] * 8, [2] * 8, [3] * 8), several([0] * 8, [0] * 8))
    assert (found.difference, found.error, found.degrees) == pytest.approx((2, (1 / 3) ** 0.5, 2))
    # t of 2 degrees: 4.3027 at 97.5 %; its tail is (1 - t / sqrt(2 + t^2)) / 2, at t = 2 / sqrt(1/3) = sqrt(12).
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    assert found.p_runs == pytest.approx(1 - (12 / 14) ** 0.5)
    # The signed-rank test knows patients alone, and is sure.
    assert found.p == 2 / 2**8


def test_runs_and_patients_add_up():
    random = np.random.default_rng(1)
    ours, theirs = random.normal(0, 2, (3, 1)) + random.normal(0, 1, (3, 20)), random.normal(0, 1, (3, 20))
    both = compare(several(*ours), several(*theirs))
    averaged = compare(one(ours.mean(axis=0)), one(theirs.mean(axis=0)))
    of_runs = sum((run_effects(of) ** 2).mean() / 3 for of in (ours, theirs))
    assert both.error**2 == pytest.approx(averaged.error**2 + of_runs)
    assert (both.difference, both.p) == (averaged.difference, averaged.p)
    reach = both.difference - both.low if both.difference > 0 else both.high - both.difference
    t = stats.t(both.degrees)
    assert both.p_runs == pytest.approx(2 * t.sf(abs(both.difference) / reach * t.ppf(0.975)))
    assert 2 <= both.degrees <= 19 + 4


@settings(max_examples=15)
@given(st.lists(samples.filter(lambda of: len(of) >= 8).map(lambda of: of[:8]), min_size=4, max_size=4))
def test_order_of_runs_says_nothing_and_the_sign_turns(scores):
    there, back = (
        compare(several(*scores[:2]), several(*scores[2:])),
        compare(several(*scores[3:1:-1]), several(*scores[:2])),
    )
    assert (back.difference, back.low, back.high) == pytest.approx(
        (-there.difference, -there.high, -there.low), abs=1e-6
    )
    assert (back.p, back.p_runs) == pytest.approx((there.p, there.p_runs))
    assert (there.p_runs < 0.05) == (there.low > 0 or there.high < 0)


def test_with_three_runs_the_interval_holds_the_truth_as_often_as_it_says():
    """Runs that scatter as far as patients do: an interval over patients alone holds it in about 70 %."""
    random, held = np.random.default_rng(0), 0
    for _ in range(150):
        drawn = [random.normal(0, 1, (3, 1)) + random.normal(0, 1, (3, 20)) for _ in range(2)]
        found = compare(several(*drawn[0] + random.normal(0, 1, 20)), several(*drawn[1]))
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 150 <= 0.985


def test_a_method_against_itself_by_hand():
    # Runs at 0, 1 and 3 for every patient: pairs differ by 1, 3 and 2, twice the variance 7 / 3 in the mean square.
    found = noise_floor(several([5] * 6, [6] * 6, [8] * 6))
    assert (found.patients, found.left_out, found.typical) == (6, 0, pytest.approx((14 / 3) ** 0.5))
    assert found.reach == pytest.approx(4.3027 * (14 / 3) ** 0.5 / 3**0.5, abs=1e-4)
    holed = noise_floor(several([5] * 6, [*[6] * 5, math.nan]))
    assert (holed.patients, holed.left_out, holed.typical) == (5, 1, 1)
    assert math.isnan(noise_floor(several([math.nan] * 6, [5] * 6)).typical)
