"""Learning curves: means over windows of steps and over runs, with the lowest and the highest run."""

import dataclasses

import pandas as pd
import pytest
from records import vouch_for

from dmd.report.beside import write_table_and_pictures
from dmd.report.learning import about, draw, learning_curves, supervised_loss
from dmd.runs.folder import RunFolder

from .made import add_run, describe, read_csv, row, shifted, table


def learnt(runs, seed: int, losses: list[float], **columns: list) -> RunFolder:
    """Return a trained run of 120 iterations: windows of 2 steps."""
    selection = "validation" if "validation_dice" in columns else "last"
    run = add_run(runs, shifted(0), seed=seed, iterations=120, selection=selection)
    history = pd.DataFrame({"step": range(1, len(losses) + 1), "loss": losses} | columns | {"learning_rate": 0.01})
    history.to_csv(run.history_table, index=False)
    vouch_for(run)
    run.weights.touch()
    return run


@pytest.fixture
def artefact(tmp_path):
    one = learnt(tmp_path, 1, [4.0, 2, 2, 0], supervised_1=[1.0, 1, 1, 1], supervised_2=[3.0, 1, 1, 0])
    two = learnt(tmp_path, 2, [5.0, 3, 1, 0], supervised_1=[1.0, 1, 0, 0], supervised_2=[1.0, 1, 0, 0])
    chosen = learnt(tmp_path, 3, [1.0, 1, 1], validation_dice=[None, 0.5, 0.75], dice=[0.5, 0.5, 0.25])
    return table(row("DMD", 8, [one, two], {}), row("Mine", 8, [chosen], {}))


def test_windows_and_runs_by_hand(tmp_path, artefact):
    found = learning_curves(artefact, tmp_path).set_index(["row", "quantity", "step"])[["runs", "mean", "low", "high"]]
    # Windows of two steps: losses 3 and 1 of the one run, 4 and 0.5 of the other.
    assert found.loc[(0, "loss", 1)].tolist() == [2, 3.5, 3, 4]
    assert found.loc[(0, "loss", 3)].tolist() == [2, 0.75, 0.5, 1]
    # The mean of both heads: (2 + 1) / 2 and 1.
    assert found.loc[(0, "labelled", 1)].tolist() == [2, 1.25, 1, 1.5]
    # Dice in percent, where one was due.
    assert found.loc[(1, "dice", 1)].tolist() == [1, 50, 50, 50]
    assert found.loc[(1, "labelled", 3)].tolist() == [1, 0.25, 0.25, 0.25]


def test_the_supervised_part_is_a_sum_of_terms_or_a_mean_of_networks():
    """Half the cross-entropy and half the Dice are one loss; the Dice of two networks are two."""
    apart = pd.DataFrame({"cross_entropy": [0.5, 0.2], "dice": [0.25, 0.1], "consistency": [9.0, 9.0]})
    assert supervised_loss(apart).tolist() == pytest.approx([0.75, 0.3])
    peers = pd.DataFrame({"supervised_1": [1.0], "supervised_2": [0.5], "distillation": [9.0]})
    assert supervised_loss(peers).tolist() == [0.75]
    assert supervised_loss(pd.DataFrame({"unheard_of": [1.0]})).isna().all()


def test_only_the_dice_that_weights_are_chosen_by_is_drawn(tmp_path):
    """Looks at the test patients that decide nothing are an oracle's gap, no curve."""
    looked_at = learnt(tmp_path, 4, [1.0, 1], validation_dice=[0.5, 0.5], oracle_dice=[0.9, 0.9])
    found = learning_curves(table(row("Mine", 8, [looked_at], {})), tmp_path).set_index("quantity")
    assert found.loc["dice", "mean"] == 50


def test_each_row_has_a_plot_with_its_mean_and_its_spread(tmp_path, artefact):
    dmd, mine, right = draw(learning_curves(artefact, tmp_path)).axes
    assert dmd.get_title() == "DMD, la with 8 labelled (2 runs)"
    assert mine.get_title() == "Mine, la with 8 labelled (1 run)"
    assert dmd.lines[0].get_ydata().tolist() == [3.5, 0.75]
    band = dmd.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.5, 4)
    assert right.get_ylabel() == "Dice (%)"
    assert right.lines[0].get_ydata().tolist() == [50, 75]


def test_every_plotted_value_stands_in_the_csv_and_what_is_not_drawn_in_the_caption(tmp_path, artefact):
    late = add_run(tmp_path, shifted(0), seed=9)
    more = dataclasses.replace(artefact, rows=(*artefact.rows, row("Late", 8, [late], {})))
    assert set(learning_curves(more, tmp_path)["row"]) == {0, 1}
    write_table_and_pictures(describe(tmp_path, more), tmp_path, tmp_path / "t.csv")
    lines = read_csv(tmp_path / "t.learning.csv")
    assert lines[0] == {
        **{"row": "0", "name": "DMD, la with 8 labelled", "quantity": "loss", "step": "1"},
        **{"runs": "2", "mean": "3.5", "low": "3.0", "high": "4.0"},
    }
    assert (tmp_path / "t.learning.svg").exists()
    said = (tmp_path / "t.learning.caption.txt").read_text()
    assert f"from the lowest run to the highest. Without a history, and not drawn: {late.id}. Runs: " in said
    assert "Without a history" not in about(artefact, tmp_path)


def test_without_any_history_the_picture_is_empty(tmp_path):
    nothing = table(row("A", 8, [add_run(tmp_path, shifted(0))], {}))
    curves = learning_curves(nothing, tmp_path)
    assert curves.empty
    assert not any(plot.lines for plot in draw(curves).axes)
