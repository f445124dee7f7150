import csv
import dataclasses

import pytest

from dmd.errors import InputError
from dmd.planning import describe, plan
from dmd.report.comparison import COLUMNS, compare_table
from dmd.report.tables import write_table

from .test_tables import add_run, line, row

PATIENTS = "abcdefgh"
BASE = [0.80, 0.82, 0.84, 0.86, 0.81, 0.83, 0.85, 0.87]


def shifted(*shifts: float, hd95: float = 8.0) -> list[dict]:
    """Test scores of eight patients: the base plus a shift each, in percentage points."""
    shifts = shifts * len(PATIENTS) if len(shifts) == 1 else shifts
    return [
        line(name, 1, base + shift / 100, 0.7, hd95, 1.0)
        for name, base, shift in zip(PATIENTS, BASE, shifts, strict=True)
    ]


def table(*rows: plan.Row, columns=("dice", "hd95_voxel"), empty=None) -> plan.Artefact:
    return plan.Artefact("table3", "paper", "table", "Left atrium.", columns, rows, empty=empty)


@pytest.fixture
def dmd(tmp_path) -> plan.Row:
    return row("DMD", 8, [add_run(tmp_path, shifted(0), seed=seed) for seed in (1, 2)], {"dice": 89.7})


def test_seeds_are_averaged_before_patients_are_compared(tmp_path, dmd):
    # Seeds at +0 .. +7 and +4 points: mean +2, 2.5, .. 5.5; Walsh averages are symmetric around 3.75.
    seeds = [add_run(tmp_path, shifted(*range(8)), seed=3), add_run(tmp_path, shifted(4, hd95=10), seed=4)]
    found = compare_table(table(row("CPS", 8, seeds, {}), dmd), tmp_path)
    assert tuple(found.columns) == COLUMNS
    assert found[["post_processing", "metric"]].to_numpy().tolist() == [
        ["none", "dice"],
        ["none", "hd95_voxel"],
        ["largest_component", "dice"],
        ["largest_component", "hd95_voxel"],
    ]
    dice, hd95 = found.iloc[0], found.iloc[1]
    assert (dice["method"], dice["seeds"], dice["patients"], dice["left_out"]) == ("cps", 2, 8, 0)
    assert dice["difference"] == pytest.approx(3.75)
    assert 2 <= dice["low"] < 3.75 < dice["high"] <= 5.5
    # All eight patients on one side: p = 2 / 2^8, alone in its table.
    assert (dice["p"], dice["p_holm"], dice["verdict"]) == (2 / 2**8, 2 / 2**8, "better")
    assert (hd95["difference"], hd95["low"], hd95["high"], hd95["verdict"]) == (1, 1, 1, "worse")


def test_holm_is_over_the_methods_of_one_metric_and_post_processing(tmp_path, dmd):
    rows = [row(name, 8, [add_run(tmp_path, shifted(shift), seed=shift)], {}) for name, shift in (("A", -3), ("B", 5))]
    found = compare_table(table(*rows, dmd), tmp_path)
    dice = found[(found["metric"] == "dice") & (found["post_processing"] == "none")]
    assert dice["p"].tolist() == [2 / 2**8] * 2
    assert dice["p_holm"].tolist() == [4 / 2**8] * 2
    assert dice["verdict"].tolist() == ["worse", "better"]
    # The same HD95 for all.
    assert set(found.loc[found["metric"] == "hd95_voxel", "verdict"]) == {"undecided"}


def test_only_the_same_data_set_and_budget_is_compared(tmp_path, dmd):
    other = row("A", 16, [add_run(tmp_path, shifted(1), labelled=16)], {})
    assert compare_table(table(other, dmd), tmp_path).empty
    assert tuple(compare_table(table(other, dmd), tmp_path).columns) == COLUMNS


def test_another_setting_of_dmd_is_compared_with_the_first(tmp_path, dmd):
    warmer = dataclasses.replace(dmd, params={"temperature": 3}, runs=(add_run(tmp_path, shifted(-1), seed=5).id,))
    found = compare_table(table(dmd, warmer), tmp_path)
    assert set(found["params"]) == {"temperature=3"}
    assert found["difference"].iloc[0] == pytest.approx(-1)


def test_patients_without_a_distance_are_left_out_or_count_as_the_table_says(tmp_path, dmd):
    lines = shifted(0)
    nothing = {"dice": 0, "hd95_voxel": "", "asd_voxel": "", "empty_prediction": 1, "diagonal_voxel": 50}
    lines[0] |= nothing
    rows = row("A", 8, [add_run(tmp_path, lines, seed=3)], {}), dmd
    found = {
        empty: compare_table(table(*rows, columns=("hd95_voxel",), empty=empty), tmp_path).iloc[0]
        for empty in (None, "penalised")
    }
    assert (found[None]["patients"], found[None]["left_out"], found[None]["p"]) == (7, 1, 1)
    assert (found["penalised"]["patients"], found["penalised"]["left_out"]) == (8, 0)
    assert found["penalised"]["high"] > 0


def test_other_patients_are_refused(tmp_path, dmd):
    rows = row("A", 8, [add_run(tmp_path, shifted(0)[:7], seed=3)], {}), dmd
    with pytest.raises(InputError, match="same patients"):
        compare_table(table(*rows), tmp_path)


def test_the_file_beside_the_table_holds_every_comparison(tmp_path, dmd):
    rows = row("A", 8, [add_run(tmp_path, shifted(2), seed=3)], {"dice": 80.0}), dmd
    (tmp_path / "t.json").write_text(json.dumps(describe.describe_artefact(table(*rows))))
    write_table(tmp_path / "t.json", tmp_path, tmp_path / "t.csv")
    with (tmp_path / "t.comparison.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4
    assert (lines[0]["difference"], lines[0]["low"], lines[0]["high"]) == ("2.0", "2.0", "2.0")
    assert (lines[0]["verdict"], lines[0]["p_holm"]) == ("better", "0.0078125")
    assert "Did not hold (la, 8 labelled): against the paper for A." in (tmp_path / "t.md").read_text()
    assert "DMD $>$ A, here: A $>$ DMD" in (tmp_path / "t.tex").read_text()
