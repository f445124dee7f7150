import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmd.errors import InputError
from dmd.report.statistics import MINIMUM, Comparison, compare, hodges_lehmann, holm, per_patient, verdict
from dmd.testing.evaluation import SCORES

# Hollander and Wolfe, Nonparametric Statistical Methods, 1973, Table 3.1: depression scores of nine patients before and
# after a tranquilliser. Their text: estimate -0.46; R's wilcox.test: V = 5, p = 0.01953 one-sided.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]

# Multiples of 1/8: sums and differences are exact.
eighths = st.integers(-400, 400).map(lambda number: number / 8)
samples = st.lists(eighths, min_size=MINIMUM, max_size=12)


def series(values) -> pd.Series:
    return pd.Series(values, [f"p{index}" for index in range(len(values))], dtype=float)


def zero(values) -> pd.Series:
    return series([0.0] * len(values))


def test_the_published_example_of_hollander_and_wolfe():
    found = compare(series(AFTER), series(BEFORE))
    assert found.difference == pytest.approx(-0.46)
    assert found.p == pytest.approx(2 * 0.01953, abs=1e-5)
    assert found.low < found.difference < found.high < 0
    assert (found.patients, found.left_out) == (9, 0)


def test_walsh_averages_by_hand():
    # 0, 1, 5 give 0, 0.5, 2.5, 1, 3, 5: median (1 + 2.5) / 2.
    assert hodges_lehmann(np.array([5.0, 0.0, 1.0])) == 1.75
    assert hodges_lehmann(np.array([[5.0, 0.0, 1.0], [2.0, 2.0, 2.0]])).tolist() == [1.75, 2]
    assert hodges_lehmann(np.array([[5.0], [0.0], [1.0]]), axis=0).tolist() == [1.75]


@given(samples, eighths)
def test_the_estimate_moves_with_its_data(differences, shift):
    here = np.array(differences)
    assert hodges_lehmann(here + shift) == hodges_lehmann(here) + shift
    assert hodges_lehmann(-here) == -hodges_lehmann(here)
    assert here.min() <= hodges_lehmann(here) <= here.max()


@given(samples)
def test_the_estimate_is_that_of_all_pairs(differences):
    pairs = itertools.combinations_with_replacement(differences, 2)
    assert hodges_lehmann(np.array(differences)) == np.median([(first + second) / 2 for first, second in pairs])


def test_holm_by_hand_and_as_published():
    # Four tests: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 raised to the 0.06 before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # The example of CRAN's HDLSSkST, after Holm (1979): at 0.05 the third and the last are rejected.
    published = holm([0.50, 0.01, 0.001, 0.69, 0.02, 0.05, 0.0025])
    assert (published < 0.05).tolist() == [False, False, True, False, False, False, True]


def test_tests_that_were_not_made_do_not_count_for_holm():
    adjusted = holm([0.02, math.nan, 0.03])
    assert adjusted[[0, 2]] == pytest.approx([0.04, 0.04])
    assert math.isnan(adjusted[1])
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p))).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1, len(p) * min(p)))


@settings(max_examples=15)
@given(samples)
def test_turning_the_comparison_turns_its_sign(differences):
    there, back = (
        compare(series(differences), zero(differences)),
        compare(zero(differences), series(differences)),
    )
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-9)
    assert back.p == pytest.approx(there.p)
    assert 0 <= there.p <= 1
    assert there.low <= there.high


@settings(max_examples=15)
@given(samples, eighths)
def test_a_change_of_both_methods_changes_nothing(differences, shift):
    moved = compare(series(differences) + shift, zero(differences) + shift)
    assert moved == compare(series(differences), zero(differences))


def test_the_same_comparison_has_the_same_interval_twice():
    random = np.random.default_rng(3)
    differences = random.normal(1, 2, 20)
    found = compare(series(differences), zero(differences))
    assert found == compare(series(differences), zero(differences))
    # The exact interval of the signed-rank test: Walsh averages 53 and 158 of 210 (tables: 52 for n = 20).
    pairs = itertools.combinations_with_replacement(differences, 2)
    walsh = sorted((first + second) / 2 for first, second in pairs)
    assert (found.low, found.high) == pytest.approx((walsh[52], walsh[157]), abs=0.25)


def test_patients_may_stand_in_any_order():
    first, second = series(AFTER), series(BEFORE)
    assert compare(first[::-1], second) == compare(first, second)


def test_ties_that_rounding_would_break_stay_ties():
    steps = [0.1 + 0.2, 0.3, 0.3, -0.3, 0.3, 0.3, 0.3]
    exact = [0.3, 0.3, 0.3, -0.3, 0.3, 0.3, 0.3]
    assert compare(series(steps), zero(steps)).p == compare(series(exact), zero(exact)).p


def test_equal_methods_differ_by_nothing():
    assert compare(series(BEFORE), series(BEFORE)) == Comparison(9, 0, 0, 0, 0, 1)


def test_patients_without_the_score_are_left_out_and_counted():
    holes = [*BEFORE[:7], math.nan, math.nan]
    found = compare(series(AFTER), series(holes))
    assert (found.patients, found.left_out) == (7, 2)
    assert found.difference == compare(series(AFTER[:7]), series(BEFORE[:7])).difference


def test_too_few_patients_are_not_tested():
    found = compare(series([1.0, 2.0, 3.0, 4.0, 9.0]), zero(range(5)))
    assert (found.patients, found.difference) == (5, 3)
    assert all(math.isnan(value) for value in (found.low, found.high, found.p))
    # One more and the smallest p there is would be below 0.05.
    assert compare(series([1.0, 2.0, 3.0, 4.0, 9.0, 8.0]), zero(range(6))).p == pytest.approx(2 / 2**6)


def test_no_patient_with_the_score_leaves_no_difference():
    found = compare(series([math.nan] * 8), zero(range(8)))
    assert (found.patients, found.left_out) == (0, 8)
    assert math.isnan(found.difference)


def test_other_patients_are_refused():
    with pytest.raises(InputError, match=r"found \['p6'\] in one of the two only"):
        compare(series(range(7)), series(range(6)))


def cases(*values: tuple) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["patient", "case", "class", "dice", "asd_voxel"])


def test_seeds_classes_and_the_cases_of_a_patient_are_averaged():
    one = cases(
        *(("a", "a1", 1, 90, 1), ("a", "a1", 2, 70, 3), ("a", "a2", 1, 80, 2), ("a", "a2", 2, 60, 2)),
        *(("b", "b1", 1, 50, 4), ("b", "b1", 2, 0, math.nan)),
    )
    two = one.assign(dice=one["dice"] + 10, asd_voxel=1)
    both = pd.concat([one, two]).assign(row=3).reindex(columns=["row", "patient", "case", "class", *SCORES])
    found = per_patient(both, ["row"]).loc[3]
    assert found.index.tolist() == ["a", "b"]
    # a: (90 + 70 + 80 + 60) / 4 = 75 and 85; b: 25 and 35. ASD of a: 2 and 1; of b: one value is missing.
    assert found["dice"].tolist() == [80, 30]
    assert found["asd_voxel"].iloc[0] == 1.5
    assert math.isnan(found["asd_voxel"].iloc[1])


@pytest.mark.parametrize(
    ("score", "difference", "p", "said"),
    [
        ("dice", 1.0, 0.01, "better"),
        ("dice", -1.0, 0.01, "worse"),
        ("hd95_voxel", 1.0, 0.01, "worse"),
        ("asd_mm", -1.0, 0.049, "better"),
        ("jaccard", 1.0, 0.05, "undecided"),
        ("dice", 0.0, 0.01, "undecided"),
        ("dice", 1.0, math.nan, "too few"),
    ],
)
def test_a_difference_means_something_below_the_level_only(score, difference, p, said):
    assert verdict(score, difference, p) == said
