import dataclasses
from typing import Any

import pytest

from dmd.errors import InputError
from dmd.planning import plan
from dmd.planning.artefacts import Curve
from dmd.report.curves import draw, write_curve
from dmd.report.scores import read
from dmd.report.style import GREY
from dmd.report.tested import ReadOnce

from .made import add_run, describe, line, read_csv, table

GRID = [1.0, 1.2, 3.0]
FORM: dict[str, Any] = {"kind": "curve", "caption": "Temperature.", "columns": ["dice", "asd_voxel"]}


@pytest.fixture
def artefact(tmp_path) -> plan.Artefact[Curve]:
    """Two lines of three temperatures with two seeds each, worse as T grows, the paper's Dice beside one line."""
    rows = []
    for divergence, weight in (("dice", 4), ("kl", 1)):
        for place, temperature in enumerate(GRID):
            params = {"divergence": divergence, "weight": weight, "temperature": temperature}
            method = {"implementation": "dmd", "revision": 1, "params": params}
            lines = {
                seed: [line("a", 1, 0.9 - 0.1 * place + shift, 0.8, 5, 1)] for seed, shift in ((1, 0.01), (2, -0.01))
            }
            runs = [add_run(tmp_path / "runs", of, method=method, seed=seed) for seed, of in lines.items()]
            paper = {"dice": 88.9} if divergence == "dice" else {}
            ids = tuple(run.id for run in runs)
            rows.append(plan.Row("dmd", "DMD", False, "la", 8, 72, params, ids, paper))
    form = Curve.model_validate(FORM | {"x": "temperature", "line": "divergence"})
    return plan.Artefact("fig4", "paper", form, tuple(rows))


def written(artefact: plan.Artefact[Any], tmp_path) -> str:
    """Draw a curve and return its caption."""
    write_curve(describe(tmp_path, artefact), tmp_path / "runs", tmp_path / "fig4.png")
    return (tmp_path / "fig4.caption.txt").read_text()


def test_every_plotted_value_stands_in_the_csv(artefact, tmp_path):
    written(artefact, tmp_path)
    lines = read_csv(tmp_path / "fig4.csv")
    assert [(entry["divergence"], entry["temperature"]) for entry in lines] == [
        (name, str(value)) for name in ("dice", "kl") for value in GRID
    ]
    assert [float(entry["dice_mean"]) for entry in lines] == pytest.approx([90, 80, 70] * 2)
    # 91 and 89, 81 and 79, ...: sample deviation sqrt(2).
    assert [float(entry["dice_sd"]) for entry in lines] == pytest.approx([2**0.5] * 6, abs=1e-3)
    assert [entry["dice_paper"] for entry in lines] == ["88.9"] * 3 + [""] * 3
    assert (tmp_path / "fig4.svg").exists()


def test_the_caption_says_scale_seeds_and_runs(artefact, tmp_path):
    assert written(artefact, tmp_path) == (
        "Scale 'paper'. Temperature. Mean over test scans and runs, no post-processing. "
        "Spread: the standard deviation over seeds. Weights tested: la: the last iteration. "
        "A voxel is one of the data trained on. Grey: read off the paper's plot. "
        f"Runs: {', '.join(artefact.runs)}.\n"
    )
    half = written(dataclasses.replace(artefact, scale="half"), tmp_path)
    assert half.startswith("Not the paper's setting: scale 'half'")
    assert "paper's numbers are for orientation" in half


def test_without_numbers_of_the_paper_there_is_no_grey_and_none_is_mentioned(artefact, tmp_path):
    rows = tuple(dataclasses.replace(row, paper={}) for row in artefact.rows)
    own = dataclasses.replace(artefact, rows=rows, scale="smoke")
    said = written(own, tmp_path)
    assert "Grey" not in said
    assert said.count("paper") == 1
    frame = framed(own, tmp_path)
    assert GREY not in {line.get_color() for line in draw(own, frame).axes[0].lines}


def test_names_from_outside_are_drawn_as_text(artefact, tmp_path):
    rows = tuple(
        dataclasses.replace(row, params={"x": row.params["temperature"]}, label="DMD$_{a $x$") for row in artefact.rows
    )
    form = Curve.model_validate(FORM | {"x": "x", "caption": "A {curve} of $\\frac$."})
    own = dataclasses.replace(artefact, form=form, rows=rows[:3])
    assert "A {curve} of $\\frac$." in written(own, tmp_path)
    assert "DMD$_{a $x$" in (tmp_path / "fig4.svg").read_text()  # in a comment beside its letters


def framed(artefact, tmp_path):
    frame = read(artefact, ReadOnce(tmp_path / "runs")).summary()
    for name in ("divergence", "temperature"):
        frame[name] = [row.params[name] for row in artefact.rows]
    return frame


def test_the_axis_is_to_scale_and_the_papers_line_lies_behind(artefact, tmp_path):
    frame = framed(artefact, tmp_path)
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
    with pytest.raises(InputError, match=r"description of a curve at .*found that of a table"):
        written(table(*artefact.rows), tmp_path)
    with pytest.raises(InputError, match="found no file"):
        write_curve(tmp_path / "none.json", tmp_path, tmp_path / "fig4.png")


def test_a_run_that_is_not_evaluated_is_named(artefact, tmp_path):
    missing = tmp_path / "runs" / artefact.rows[0].runs[0] / "cases.csv"
    missing.unlink()
    with pytest.raises(InputError, match="evaluate the run"):
        written(artefact, tmp_path)
    assert not (tmp_path / "fig4.png").exists()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_users_settings_change_nothing(artefact, tmp_path, require_our_style, ending):
    require_our_style(lambda: written(artefact, tmp_path), tmp_path / f"fig4.{ending}")
