import csv
import dataclasses

import pytest

from dmd.errors import InputError
from dmd.planning import describe, plan
from dmd.report.curves import draw, write_curve
from dmd.report.scores import collect
from dmd.report.style import GREY

from .test_tables import SPEC, add_run, line

GRID = [1.0, 1.2, 3.0]


@pytest.fixture
def artefact(tmp_path) -> plan.Artefact:
    """Two lines of three temperatures with two seeds each, worse as T grows, the paper's Dice beside one line."""
    rows = []
    for divergence, weight in (("dice", 4), ("kl", 1)):
        for place, temperature in enumerate(GRID):
            params = {"divergence": divergence, "weight": weight, "temperature": temperature}
            method = SPEC["method"] | {"params": params}
            runs = [
                add_run(
                    tmp_path / "runs", [line("a", 1, 0.9 - 0.1 * place + shift, 0.8, 5, 1)], method=method, seed=seed
                )
                for seed, shift in ((1, 0.01), (2, -0.01))
            ]
            paper = {"dice": 88.9} if divergence == "dice" else {}
            ids = tuple(run.id for run in runs)
            rows.append(plan.Row("dmd", "DMD", False, "la", 8, 72, params, ids, paper))
    return plan.Artefact(
        "fig4", "paper", "curve", "Temperature.", ("dice", "asd_voxel"), tuple(rows), x="temperature", line="divergence"
    )


def written(artefact: plan.Artefact, tmp_path) -> None:
    (tmp_path / "fig4.json").write_text(json.dumps(describe.describe_artefact(artefact)))
    write_curve(tmp_path / "fig4.json", tmp_path / "runs", tmp_path / "fig4.png")


def test_every_plotted_value_stands_in_the_csv(artefact, tmp_path):
    written(artefact, tmp_path)
    with (tmp_path / "fig4.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(entry["divergence"], entry["temperature"]) for entry in lines] == [
        (name, str(value)) for name in ("dice", "kl") for value in GRID
    ]
    assert [float(entry["dice_mean"]) for entry in lines] == pytest.approx([90, 80, 70] * 2)
    # 91 and 89, 81 and 79, ...: sample deviation sqrt(2).
    assert [float(entry["dice_sd"]) for entry in lines] == pytest.approx([2**0.5] * 6, abs=1e-3)
    assert [entry["dice_paper"] for entry in lines] == ["88.9"] * 3 + [""] * 3
    assert (tmp_path / "fig4.svg").exists()


def test_the_picture_says_scale_and_runs(artefact, tmp_path):
    written(artefact, tmp_path)
    text = (tmp_path / "fig4.png").read_bytes()
    assert b"Scale 'paper'. Temperature." in text
    assert artefact.rows[0].runs[0].rsplit("-", 1)[1].encode() in text
    written(dataclasses.replace(artefact, scale="half"), tmp_path)
    assert b"Not the paper's setting: scale 'half'" in (tmp_path / "fig4.png").read_bytes()


def test_the_axis_is_to_scale_and_the_papers_line_lies_behind(artefact, tmp_path):
    frame = collect(artefact, tmp_path / "runs")
    for name in ("divergence", "temperature"):
        frame[name] = [row.params[name] for row in artefact.rows]
    figure = draw(artefact, frame)
    left, right = figure.axes
    assert left.get_xscale() == "linear"
    assert left.get_xticks().tolist() == GRID
    assert (left.get_ylabel(), right.get_ylabel()) == ("Dice (%)", "ASD (voxel)")
    names = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert sorted(names) == ["Dice, λ = 4", "Dice, λ = 4 (paper)", "KL, λ = 1"]
    drawn = {plotted.get_label(): plotted for plotted in left.lines if not plotted.get_label().startswith("_")}
    behind = drawn["Dice, λ = 4 (paper)"]
    assert behind.get_color() == GREY
    ours = [bars.lines[0] for bars in left.containers]
    assert [one.get_linestyle() for one in ours] == ["-", ":"]
    assert all(one.get_zorder() > behind.get_zorder() for one in ours)


def test_another_description_or_ending_is_refused(artefact, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.png"):
        write_curve(tmp_path / "fig4.json", tmp_path, tmp_path / "fig4.pdf")
    table = dataclasses.replace(artefact, kind="table")
    with pytest.raises(InputError, match=r"description of a curve .*it is that of a table"):
        written(table, tmp_path)
    with pytest.raises(InputError, match="found no file"):
        write_curve(tmp_path / "none.json", tmp_path, tmp_path / "fig4.png")


def test_a_run_that_is_not_evaluated_is_named(artefact, tmp_path):
    missing = tmp_path / "runs" / artefact.rows[0].runs[0] / "cases.csv"
    missing.unlink()
    with pytest.raises(InputError, match="evaluate the run"):
        written(artefact, tmp_path)
    assert not (tmp_path / "fig4.png").exists()
