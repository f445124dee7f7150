"""The forest plot and the plot of ranks: every number of the comparison and the ranks is where it is drawn."""

import dataclasses

import pytest
from matplotlib.colors import to_hex

from dmd.report.beside import write_table_and_pictures
from dmd.report.comparison import FLOOR, compare_rows
from dmd.report.intervals import EMPTY, LOOKS, OVER_PATIENTS, OVER_RUNS, RANKED, forest_plot, rank_plot
from dmd.report.ranking import rank_rows
from dmd.report.scores import Scores, read
from dmd.report.tested import ReadOnce

from .made import add_run, describe, row, shifted, table


@pytest.fixture
def scores(tmp_path) -> Scores:
    """Two budgets: with 8 labelled A is better than DMD and B as good, with 16 DMD has one run."""
    runs = {"A": (9, 10), "B": (0, 1), "DMD": (0, 1)}
    rows = []
    for seed, (label, shifts) in enumerate(runs.items()):
        used = [add_run(tmp_path, shifted(shift), seed=100 * seed + shift) for shift in shifts]
        rows.append(row(label, 8, used, {}, params={"weight": 4} if label == "B" else {}))
    more = [add_run(tmp_path, shifted(shift), labelled=16, seed=shift) for shift in (1, 2)]
    rows += [row("A", 16, more[:1], {}), row("DMD", 16, more[1:], {})]
    return read(table(*rows), ReadOnce(tmp_path))


def points(axes) -> list[tuple[float, float]]:
    """Return the points of a plot, from the top."""
    found = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() != "None"]
    return sorted(found, key=lambda point: point[1])


def intervals(axes) -> list[list[float]]:
    return [part.get_segments()[0][:, 0].tolist() for part in axes.collections if hasattr(part, "get_segments")]


def test_the_forest_plot_has_every_difference_its_interval_and_the_noise_floor(scores):
    comparison = compare_rows(scores)
    figure, said = forest_plot(scores, comparison)
    dice, hd95, other, _ = figure.axes
    assert [axes.get_xlabel() for axes in (dice, hd95)] == ["difference in Dice (%)", "difference in HD95 (voxel)"]
    assert [axes.get_title(loc="left") for axes in (dice, other)] == ["la, 8 labelled", "la, 16 labelled"]
    assert [text.get_text() for text in dice.get_yticklabels()] == ["A", "B (weight=4)"]
    assert dice.get_ylim()[0] > dice.get_ylim()[1]  # A on top
    lines = comparison[(comparison["metric"] == "dice") & (comparison["post_processing"] == "none")]
    drawn = lines[(lines["labelled"] == 8) & (lines["verdict"] != FLOOR)]
    assert points(dice) == list(zip(drawn["difference"], (0, 1), strict=True))
    assert intervals(dice) == drawn[["low", "high"]].to_numpy().tolist()
    floor = lines[lines["verdict"] == FLOOR].iloc[0]
    (span,) = dice.patches
    assert span.get_extents().transformed(dice.transData.inverted()).intervalx == pytest.approx(
        [floor["low"], floor["high"]]
    )
    assert not other.patches
    assert "unknown where DMD has one run" in said


def test_a_significant_difference_is_told_by_colour_and_marker(scores):
    comparison = compare_rows(scores)
    figure, _ = forest_plot(scores, comparison)
    first, second = (line for line in figure.axes[0].lines if line.get_marker() != "None")
    assert comparison["verdict"].iloc[0] == "better"
    assert (to_hex(first.get_color()).upper(), first.get_marker()) == LOOKS["better"]
    assert (second.get_color(), second.get_marker()) == ("black", "o")
    looks = [*LOOKS.values(), ("black", "o")]
    assert all(len(set(part)) == len(looks) for part in zip(*looks, strict=True))


def test_the_plot_of_ranks_has_every_rank_its_interval_and_tau(scores):
    ranks = rank_rows(scores)
    figure, _ = rank_plot(scores, ranks)
    dice = figure.axes[0]
    lines = ranks[(ranks["metric"] == "dice") & (ranks["post_processing"] == "none") & (ranks["labelled"] == 8)]
    assert [text.get_text() for text in dice.get_yticklabels()] == ["A", "B (weight=4)", "DMD"]
    assert points(dice) == list(zip(lines["rank"], range(3), strict=True))
    assert intervals(dice) == lines[["low", "high"]].to_numpy().tolist()
    assert dice.get_title(loc="right") == f"tau {lines['tau'].iloc[0]:.2f}"
    assert dice.get_xlabel() == "rank in Dice"
    assert figure.axes[2].get_title(loc="right") == ""  # one run each


def test_the_caption_of_ranks_says_what_is_in_their_intervals(tmp_path):
    runs = [add_run(tmp_path, shifted(seed % 3), seed=seed) for seed in range(4)]

    def said(*rows):
        scores = read(table(*rows, columns=["dice"]), ReadOnce(tmp_path))
        return rank_plot(scores, rank_rows(scores))[1]

    a, dmd = row("A", 8, runs[:2], {}), row("DMD", 8, runs[2:], {})
    assert said(a, dmd) == RANKED + OVER_RUNS
    assert said(a, dataclasses.replace(dmd, runs=dmd.runs[:1])) == RANKED + OVER_PATIENTS


def test_too_few_patients_leave_points_without_intervals(tmp_path):
    runs = [add_run(tmp_path, shifted(shift)[:5], seed=shift) for shift in (1, 2)]
    scores = read(table(row("A", 8, runs[:1], {}), row("DMD", 8, runs[1:], {}), columns=["dice"]), ReadOnce(tmp_path))
    figure, _ = forest_plot(scores, compare_rows(scores))
    assert [point[0] for point in points(figure.axes[0])] == pytest.approx([-1])
    assert intervals(figure.axes[0]) == []


def test_the_users_settings_change_nothing(tmp_path, scores, require_our_style):
    artefact = describe(tmp_path, scores.artefact)
    require_our_style(
        lambda: write_table_and_pictures(artefact, tmp_path, tmp_path / "t.csv"), tmp_path / "t.forest.png"
    )


def test_a_table_writes_its_pictures_and_says_where_there_is_nothing_to_draw(tmp_path, scores):
    write_table_and_pictures(describe(tmp_path, scores.artefact), tmp_path, tmp_path / "t.csv")
    for name in ("forest", "ranks"):
        assert all((tmp_path / f"t.{name}.{ending}").stat().st_size for ending in ("png", "svg"))
        said = (tmp_path / f"t.{name}.caption.txt").read_text()
        assert said.startswith("Scale 'paper'. Left atrium. ")
        assert all(run in said for run in scores.artefact.runs)
    assert (tmp_path / "t.ranks.csv").read_text().startswith("dataset,labelled,post_processing,metric,patients")
    assert (tmp_path / "t.claims.csv").read_text().count("\n") == 1 + 2 * 2 * (3 + 1)
    alone = dataclasses.replace(scores.artefact, rows=scores.artefact.rows[:1])
    found = read(alone, ReadOnce(tmp_path))
    for figure, _ in (forest_plot(found, compare_rows(found)), rank_plot(found, rank_rows(found))):
        assert [text.get_text() for text in figure.texts] == [EMPTY]
