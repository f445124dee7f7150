"""Ranks, how far another run or other patients would change them, and false claims."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dmd.report import ranking
from dmd.report.ranking import claims, concordance, false_claim, rank_rows
from dmd.report.scores import PLAIN, read
from dmd.report.tested import ReadOnce

from .made import NOTHING, add_run, row, shifted, table


@pytest.fixture
def scored(tmp_path):
    """Return a function: the scores of methods, each with the shifts of its runs (points, for all patients or each)."""

    def score(methods: dict[str, list], **form):
        rows, seed = [], iter(range(100))
        for label, runs in methods.items():
            rows.append(row(label, 8, [add_run(tmp_path, of, seed=next(seed)) for of in runs], {}))
        return read(table(*rows, **{"columns": ["dice", "hd95_voxel"]} | form), ReadOnce(tmp_path))

    return score


def test_ranks_by_hand(scored):
    """A is 3 points above B for every patient; less HD95 is better."""
    found = rank_rows(scored({"A": [shifted(3, hd95=9)], "B": [shifted(0, hd95=8)]})).query(PLAIN)
    assert found[["metric", "label", "rank", "low", "high", "first"]].to_numpy().tolist() == [
        ["dice", "A", 1, 1, 1, 1],
        ["dice", "B", 2, 2, 2, 0],
        ["hd95_voxel", "A", 2, 2, 2, 0],
        ["hd95_voxel", "B", 1, 1, 1, 1],
    ]
    assert found["mean"].tolist() == pytest.approx([86.5, 83.5, 9, 8])  # the base has a mean of 83.5
    assert found["tau"].isna().all()


def test_equal_methods_share_a_rank(scored):
    found = rank_rows(scored({"A": [shifted(1)], "B": [shifted(1)], "C": [shifted(0)]}, columns=["dice"])).query(PLAIN)
    assert found["rank"].tolist() == [1.5, 1.5, 3]
    assert found["first"].tolist() == [1, 1, 0]


def test_runs_that_scatter_widen_ranks_that_patients_leave_sure(scored):
    """B beats A by a point on every patient; single runs of both differ by up to 8."""
    alone = rank_rows(scored({"A": [shifted(0)], "B": [shifted(1)]}, columns=["dice"])).query(PLAIN)
    runs = {"A": [shifted(-4), shifted(0), shifted(4)], "B": [shifted(-3), shifted(1), shifted(5)]}
    several = rank_rows(scored(runs, columns=["dice"])).query(PLAIN)
    assert alone[["low", "high"]].to_numpy().tolist() == [[2, 2], [1, 1]]
    assert several["rank"].tolist() == [2, 1]
    assert several[["low", "high"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    # A normal mean of 1 with the variance 2 x 16 / 3 is above 0 in 62 %.
    assert several["first"].iloc[1] == pytest.approx(stats.norm.cdf(1 / (32 / 3) ** 0.5), abs=0.06)


def test_only_what_shares_data_and_budget_is_ranked_and_each_run_once(tmp_path, scored):
    scores = scored({"A": [shifted(0)], "B": [shifted(1)]})
    a, b = scores.artefact.rows
    again, late = dataclasses.replace(b, label="B again"), dataclasses.replace(b, label="late", runs=())
    alone = dataclasses.replace(a, labelled=16)
    both = read(table(a, b, again, late, alone, columns=["dice"]), ReadOnce(tmp_path))
    assert rank_rows(both).query(PLAIN).index.tolist() == [0, 1]
    assert claims(both).query(PLAIN).index.tolist() == [(1, 0)]
    nothing = read(table(a, columns=["dice"]), ReadOnce(tmp_path))
    assert rank_rows(nothing).empty
    assert claims(nothing).empty


def test_patients_without_a_distance_are_left_out_for_all(scored):
    lines = shifted(0, hd95=5)
    lines[0] |= NOTHING
    found = rank_rows(scored({"A": [lines], "B": [shifted(0)]}, columns=["hd95_voxel"])).query(PLAIN)
    assert found[["patients", "left_out", "mean"]].to_numpy().tolist() == [[7, 1, 5], [7, 1, 8]]


def test_tau_is_the_mean_agreement_of_single_runs():
    one, turned = np.array([[3.0, 2, 1], [3, 2, 1]]), np.array([[3.0, 2, 1], [1, 2, 3]])
    methods = lambda orders: [order[:, None] for order in orders.T]  # noqa: E731
    assert concordance(methods(one)) == 1
    assert concordance(methods(turned)) == -1
    # Three orders: one pair agrees, two are turned.
    assert concordance(methods(np.vstack([one, turned[1:]]))) == pytest.approx((1 - 1 - 1) / 3)
    # The second run of one method has no partner.
    assert math.isnan(concordance([np.ones((2, 4)), np.zeros((1, 4))]))


def test_a_false_claim_by_hand():
    # Differences 2, 0, 3, 3: mean 2, variance 2; t = 2 / (sqrt(2) / 2) = 2.8284 with 3 degrees.
    found = false_claim(np.array([3.0, 4, 5, 7]), np.array([1.0, 4, 2, 4]))
    assert found == pytest.approx(stats.t.cdf(-(8**0.5), 3))
    assert math.isnan(false_claim(np.array([1.0]), np.array([0.0])))
    assert false_claim(np.array([2.0, 3]), np.array([1.0, 2])) == 0


scores_of_patients = st.lists(st.tuples(st.floats(50, 90), st.floats(50, 90)), min_size=3, max_size=12)


@given(scores_of_patients)
def test_a_false_claim_is_the_published_formula(pairs):
    a, b = np.array(pairs).T
    spread = a.var(ddof=1) + b.var(ddof=1) - 2 * np.cov(a, b)[0, 1]  # s_a s_b r is the covariance
    if spread < 1e-6:
        return
    t = np.sqrt(len(a)) * (b.mean() - a.mean()) / np.sqrt(spread)
    assert false_claim(a, b) == pytest.approx(stats.t.cdf(t, len(a) - 1), abs=1e-6)
    assert false_claim(a, b) + false_claim(b, a) == pytest.approx(1)


def test_claims_are_of_every_two_methods_the_better_first(scored):
    methods = {"A": [shifted(*range(8))], "B": [shifted(0, hd95=6)], "C": [shifted(1, 0, 2, 0, 3, 0, 1, 0)]}
    found = claims(scored(methods)).query(PLAIN)
    dice = found[found["metric"] == "dice"]
    assert dice[["winner", "loser"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["C", "B"]]
    assert dice["difference"].tolist() == pytest.approx([3.5, 3.5 - 7 / 8, 7 / 8])
    assert dice["p_false"].iloc[0] == pytest.approx(stats.ttest_1samp(range(8), 0, alternative="greater").pvalue)
    distance = found[found["metric"] == "hd95_voxel"].iloc[0]
    assert (distance["winner"], distance["loser"], distance["difference"], distance["p_false"]) == ("B", "A", -2, 0)


def test_of_many_methods_the_claims_are_those_of_the_best(scored, monkeypatch):
    monkeypatch.setattr(ranking, "MOST_PAIRED", 2)
    methods = {"A": [shifted(0)], "B": [shifted(2, hd95=9)], "C": [shifted(1)]}
    found = claims(scored(methods)).query(PLAIN)
    assert found[found["metric"] == "dice"][["winner", "loser"]].to_numpy().tolist() == [["B", "A"], ["B", "C"]]
