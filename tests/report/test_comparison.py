import dataclasses
import math

import pytest
from scipy import stats

from dmd.errors import InputError
from dmd.planning import plan
from dmd.report.comparison import COLUMNS, FLOOR, compare_rows
from dmd.report.scores import read
from dmd.report.tables import write_table
from dmd.report.tested import ReadOnce

from .made import NOTHING, add_run, describe, read_csv, row, shifted, table


@pytest.fixture
def dmd(tmp_path) -> plan.Row:
    return row("DMD", 8, [add_run(tmp_path, shifted(0), seed=seed) for seed in (1, 2)], {"dice": 89.7})


@pytest.fixture
def compared(tmp_path):
    """Return a function that compares rows with DMD."""
    return lambda *rows, **form: compare_rows(read(table(*rows, **form), ReadOnce(tmp_path)))


def test_runs_are_averaged_before_patients_are_compared(tmp_path, dmd, compared):
    # Runs at +0 .. +7 and +4 points: mean +2, 2.5, .. 5.5; Walsh averages are symmetric around 3.75.
    seeds = [add_run(tmp_path, shifted(*range(8)), seed=3), add_run(tmp_path, shifted(4, hd95=10), seed=4)]
    found = compared(row("CPS", 8, seeds, {}), dmd)
    assert tuple(found.columns) == COLUMNS
    lines = [
        ["none", "dice"],
        ["none", "hd95_voxel"],
        ["largest_component", "dice"],
        ["largest_component", "hd95_voxel"],
    ]
    assert found[["post_processing", "metric"]].to_numpy().tolist() == lines * 2  # the second time the noise floor
    dice, hd95 = found.iloc[0], found.iloc[1]
    assert (dice["method"], dice["runs"], dice["reference_runs"], dice["patients"], dice["left_out"]) == (
        "cps",
        2,
        2,
        8,
        0,
    )
    assert dice["difference"] == pytest.approx(3.75)
    assert 2 < dice["low"] < 3.75 < dice["high"] < 5.5
    # All eight patients on one side: p = 2 / 2^8, alone in its table.
    assert (dice["p"], dice["p_holm"], dice["verdict"]) == (2 / 2**8, 2 / 2**8, "better")
    # HD95 is 1 above in the mean of two runs that are 0 and 2 above: over runs that is nothing.
    assert (hd95["difference"], hd95["p"], hd95["verdict"]) == (1, 2 / 2**8, "undecided")
    assert hd95["low"] < 0 < hd95["high"]


def test_a_verdict_needs_patients_and_runs(tmp_path, dmd, compared):
    """Three runs at +1, +2 and +9 points: every patient gains by their mean, but another run may not."""
    runs = [add_run(tmp_path, shifted(shift), seed=10 + shift) for shift in (1, 2, 9)]
    found = compared(row("A", 8, runs, {}), dmd, columns=["dice"]).iloc[0]
    assert found["p_holm"] == 2 / 2**8
    assert found["p_runs"] == found["p_runs_holm"] > 0.05
    assert found["verdict"] == "undecided"
    # The same means of one run each: nothing is known of runs, and the patients decide.
    alone = compared(row("A", 8, runs[1:2], {}), dataclasses.replace(dmd, runs=dmd.runs[:1]), columns=["dice"]).iloc[0]
    assert (math.isnan(alone["p_runs"]), alone["runs"], alone["verdict"]) == (True, 1, "better")


def test_a_method_of_one_run_is_not_significant_inside_its_own_interval(tmp_path, compared):
    """Runs of DMD at 0, +4 and +8 points, one run at 0: every patient is worse, by less than runs of DMD scatter."""
    dmd = row("DMD", 8, [add_run(tmp_path, shifted(shift), seed=20 + shift) for shift in (0, 4, 8)], {})
    found = compared(dmd, row("A", 8, [add_run(tmp_path, shifted(0), seed=3)], {}), columns=["dice"]).iloc[0]
    assert (found["difference"], found["p_holm"]) == (pytest.approx(-4), 2 / 2**8)
    assert found["low"] < 0 < found["high"]
    assert (found["p_runs"] > 0.05, found["verdict"]) == (True, "undecided")


def test_the_noise_floor_is_dmd_against_itself_and_counts_in_no_correction(tmp_path, compared):
    """Three runs at 0, +1 and +3 points: two differ by sqrt(14 / 3), averages of three by t / sqrt(3) of that."""
    dmd = row("DMD", 8, [add_run(tmp_path, shifted(shift), seed=20 + shift) for shift in (0, 1, 3)], {})
    found = compared(dmd, row("A", 8, [add_run(tmp_path, shifted(9), seed=3)], {}), columns=["dice"])
    method, floor = found[found["post_processing"] == "none"].to_dict("records")
    assert (method["label"], method["verdict"], method["p_holm"]) == ("A", "better", 2 / 2**8)
    assert (floor["label"], floor["verdict"], floor["runs"], floor["patients"]) == ("DMD", FLOOR, 3, 8)
    reach = stats.t.ppf(0.975, 2) * (14 / 9) ** 0.5
    assert [floor[name] for name in ("difference", "low", "high")] == pytest.approx([(14 / 3) ** 0.5, -reach, reach])
    assert all(math.isnan(floor[name]) for name in ("p", "p_holm", "p_runs", "error", "detectable"))


def test_one_run_of_dmd_has_no_noise_floor(tmp_path, dmd, compared):
    one = dataclasses.replace(dmd, runs=dmd.runs[:1])
    found = compared(one, row("A", 8, [add_run(tmp_path, shifted(1), seed=s) for s in (3, 4)], {}))
    assert FLOOR not in set(found["verdict"])


def test_what_can_be_found_is_of_the_strictest_level(tmp_path, dmd, compared):
    """Two methods: Holm asks the smaller p for 0.025."""
    rows = [row(name, 8, [add_run(tmp_path, shifted(*range(8)), seed=3 + len(name))], {}) for name in ("A", "BB")]
    one, two = compared(rows[0], dmd, columns=["dice"]).iloc[0], compared(*rows, dmd, columns=["dice"]).iloc[0]
    assert one["error"] == two["error"]
    t = stats.t(one["degrees"]).ppf
    assert one["detectable"] == pytest.approx((t(0.975) + t(0.8)) * one["error"])
    assert two["detectable"] == pytest.approx((t(0.9875) + t(0.8)) * one["error"])


def test_holm_is_over_the_methods_of_one_metric_and_post_processing(tmp_path, dmd, compared):
    rows = [
        row(name, 8, [add_run(tmp_path, shifted(shift), seed=9 + shift)], {}) for name, shift in (("A", -3), ("B", 5))
    ]
    found = compared(*rows, dmd)
    found = found[found["verdict"] != FLOOR]
    dice = found[(found["metric"] == "dice") & (found["post_processing"] == "none")]
    assert dice["p"].tolist() == [2 / 2**8] * 2
    assert dice["p_holm"].tolist() == [4 / 2**8] * 2
    assert dice["verdict"].tolist() == ["worse", "better"]
    # The same HD95 for all.
    assert set(found.loc[found["metric"] == "hd95_voxel", "verdict"]) == {"undecided"}


def test_rows_that_stand_in_a_table_twice_change_no_p(tmp_path, dmd, compared):
    """Two blocks that overlap, [A, B, DMD] and [B, DMD]: two comparisons, not four, and none of DMD with itself."""
    a = row("A", 8, [add_run(tmp_path, shifted(-3, -2, -1, 1, -4, -5, -6, -7), seed=3)], {})
    b = row("B", 8, [add_run(tmp_path, shifted(*range(1, 9)), seed=4)], {})
    found = compared(a, b, dmd, dataclasses.replace(b, label="B again"), dmd, columns=["dice"])
    plain = found[(found["post_processing"] == "none") & (found["verdict"] != FLOOR)]
    assert plain["label"].tolist() == ["A", "B"]
    # A: the one gain has rank 1 or 1.5 of |d| = 1, 1: 1.5 against; B: all eight on one side, 2 / 2^8 = 0.0078125.
    # Holm over two: the smaller p times 2, the larger as it is.
    p = stats.wilcoxon([-3, -2, -1, 1, -4, -5, -6, -7]).pvalue
    assert plain["p"].tolist() == pytest.approx([p, 0.0078125])
    assert plain["p_holm"].tolist() == pytest.approx([max(p, 0.015625), 0.015625])


def test_only_the_same_data_set_and_budget_is_compared(tmp_path, dmd, compared):
    other = row("A", 16, [add_run(tmp_path, shifted(1), labelled=16)], {})
    found = compared(other, dmd)
    assert found.empty
    assert tuple(found.columns) == COLUMNS


def test_another_setting_of_dmd_is_compared_with_the_first(tmp_path, dmd, compared):
    warmer = dataclasses.replace(dmd, params={"temperature": 3}, runs=(add_run(tmp_path, shifted(-1), seed=5).id,))
    found = compared(dmd, warmer)
    assert set(found.loc[found["verdict"] != FLOOR, "params"]) == {"temperature=3"}
    assert found["difference"].iloc[0] == pytest.approx(-1)


def test_rows_that_are_not_evaluated_yet_are_left_out(tmp_path, dmd, compared):
    late = dataclasses.replace(dmd, method="late", runs=())
    row_a = row("A", 8, [add_run(tmp_path, shifted(1), seed=3)], {})
    assert set(compared(dataclasses.replace(dmd, runs=()), late, row_a, dmd).index) == {2, 3}


def test_patients_without_a_distance_are_left_out_or_count_as_the_table_says(tmp_path, dmd, compared):
    lines = shifted(0)
    lines[0] |= NOTHING
    rows = row("A", 8, [add_run(tmp_path, lines, seed=3)], {}), dmd
    left, penalised = (
        compared(*rows, columns=["hd95_voxel"], empty=empty).iloc[0] for empty in ("no_distance", "penalised")
    )
    assert (left["patients"], left["left_out"], left["p"]) == (7, 1, 1)
    assert (penalised["patients"], penalised["left_out"]) == (8, 0)
    assert penalised["high"] > 0


def test_other_patients_of_the_same_cases_are_refused(tmp_path, dmd, compared):
    lines = shifted(0)
    lines[0]["patient"] = "z"
    with pytest.raises(InputError, match="same patients"):
        compared(row("A", 8, [add_run(tmp_path, lines, seed=3)], {}), dmd)


def test_the_file_beside_the_table_holds_every_comparison(tmp_path, dmd):
    rows = row("A", 8, [add_run(tmp_path, shifted(2), seed=3)], {"dice": 80.0}), dmd
    write_table(describe(tmp_path, table(*rows)), tmp_path, tmp_path / "t.csv")
    lines = read_csv(tmp_path / "t.comparison.csv")
    assert [line["verdict"] == FLOOR for line in lines] == [False] * 4 + [True] * 4
    assert (lines[0]["difference"], lines[0]["low"], lines[0]["high"]) == ("2.0", "2.0", "2.0")
    assert (lines[0]["verdict"], lines[0]["p_holm"]) == ("better", "0.0078125")
    said = "DMD is worse than the other method in Dice. The paper differs."
    assert f"**{said}** Better, worse" in (tmp_path / "t.md").read_text()
    assert f"footnotesize {said} " in (tmp_path / "t.tex").read_text()
