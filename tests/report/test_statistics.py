import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.report.paired import MINIMUM
from dmd.report.statistics import hodges_lehmann, holm, per_patient, resampled_hodges_lehmann, verdict
from dmd.testing.evaluation import SCORES

# Multiples of 1/8: sums and differences are exact.
eighths = st.integers(-400, 400).map(lambda number: number / 8)
samples = st.lists(eighths, min_size=MINIMUM, max_size=12)


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


@pytest.mark.parametrize("number", [6, 7, 20, 200, 260])
def test_estimates_of_resamples_are_those_of_each(number):
    random = np.random.default_rng(number)
    differences, drawn = random.normal(size=number).round(1), random.integers(number, size=(300, number))
    drawn[0] = 1  # one difference, over and over
    assert np.array_equal(resampled_hodges_lehmann(differences, drawn), hodges_lehmann(differences[drawn]))


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


def cases(*values: tuple) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["patient", "case", "class", "dice", "asd_voxel"])


def test_classes_and_the_cases_of_a_patient_are_averaged_and_runs_kept_apart():
    one = cases(
        *(("a", "a1", 1, 90, 1), ("a", "a1", 2, 70, 3), ("a", "a2", 1, 80, 2), ("a", "a2", 2, 60, 2)),
        *(("b", "b1", 1, 50, 4), ("b", "b1", 2, 0, math.nan)),
    )
    two = one.assign(dice=one["dice"] + 10, asd_voxel=1)
    both = pd.concat([one.assign(run="x"), two.assign(run="y")]).assign(row=3)
    found = per_patient(both.reindex(columns=["row", "run", "patient", "case", "class", *SCORES]), ["row", "run"]).loc[
        3
    ]
    # a: (90 + 70 + 80 + 60) / 4 = 75 and 85; b: 25 and 35. ASD of a: 2 and 1; of b one value is missing in x.
    assert found["dice"].to_dict() == {("x", "a"): 75, ("x", "b"): 25, ("y", "a"): 85, ("y", "b"): 35}
    assert found["asd_voxel"].fillna(-1).tolist() == [2, -1, 1, 1]


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
