"""A table with its pictures beside it: differences and ranks with intervals, learning curves."""

from pathlib import Path

from dmd.files import write_text
from dmd.report.intervals import forest_plot, rank_plot
from dmd.report.learning import about, draw, learning_curves
from dmd.report.naming import caption
from dmd.report.style import MOST_ROWS, left_out, publish
from dmd.report.tables import csv, write_table


def write_table_and_pictures(description: Path, runs: Path, output: Path) -> None:
    """Make a table (`dmd.report.tables.write_table`) and draw what is in it.

    ``.forest.png``, ``.ranks.png`` and ``.learning.png`` are written beside it, each with ``.svg`` and
    ``.caption.txt``, and ``.learning.csv`` with every plotted value; the other two show ``.comparison.csv`` and
    ``.ranks.csv``.
    """
    made = write_table(description, runs, output)
    artefact = made.scores.artefact
    curves, said = learning_curves(artefact, runs), caption(artefact, made.scores.specs)
    write_text(output.with_suffix(".learning.csv"), csv(curves.round(6)))
    if len(artefact.rows) > MOST_ROWS:
        why = f"Left out, as the table has more than {MOST_ROWS} rows; the numbers stand in the CSV beside it."
        pictures = {name: (left_out(why), why) for name in ("forest", "ranks", "learning")}
    else:
        pictures = {
            "forest": forest_plot(made.scores, made.comparison),
            "ranks": rank_plot(made.scores, made.ranks),
            "learning": (draw(curves), about(artefact, runs)),
        }
    for name, (figure, told) in pictures.items():
        publish(figure, f"{said} {told}", artefact.runs, output.with_suffix(f".{name}.png"))
