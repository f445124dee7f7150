"""How the test cases of a table scatter: one box and one point per case for every row and score."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.planning.plan import Artefact, Row
from dmd.report.page.cases import case_scores
from dmd.report.page.image import Picture, from_figure
from dmd.report.page.naming import row_name, title
from dmd.report.page.scores import evaluated
from dmd.report.style import BLUE, SETTINGS, VERMILION
from dmd.report.tables import HEADINGS
from dmd.testing.evaluation import SCORES

WIDTH, PER_ROW, FRAME = 4.4, 0.3, 0.75  # inches
SPREAD = 0.17  # of the points across their box, in rows
CAPTION = "One point per test case (mean over seeds), box: quartiles, line: median, whiskers: at most 1.5 box lengths."


def distributions(artefact: Artefact, runs: Path) -> list[Picture]:
    """Return one picture per score of a table; none where no row is evaluated."""
    rows = evaluated(artefact, runs).rows
    # Seeds are averaged first: a case counts once, whatever the number of seeds.
    scores = [case_scores(row, runs).groupby("case", sort=False)[list(SCORES)].mean() for row in rows]
    several = len({(row.dataset, row.labelled) for row in rows}) > 1
    names = [f"{row_name(row)}, {row.labelled}" if several else row_name(row) for row in rows]
    return [
        _picture(artefact, score, rows, names, [of[score].dropna() for of in scores])
        for score in artefact.form.columns
        if rows
    ]


def _picture(
    artefact: Artefact, score: str, rows: tuple[Row, ...], names: list[str], values: list[pd.Series]
) -> Picture:
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, FRAME + PER_ROW * len(names)), layout="constrained")
        axes = figure.subplots()
        _draw(axes, values)
        axes.set_yticks(range(len(names)), names)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=HEADINGS[score])
    medians = ", ".join(f"{name} {of.median():.2f}" for name, of in zip(names, values, strict=True) if len(of))
    alt = f"{title(artefact)}: {HEADINGS[score]} of every test case as boxes with points. Medians: {medians or 'none'}."
    return from_figure(figure, alt)


def _draw(axes: Axes, values: list[pd.Series]) -> None:
    places = range(len(values))
    axes.boxplot(
        [of.to_numpy() for of in values],
        positions=places,
        orientation="horizontal",
        widths=0.62,
        showfliers=False,
        boxprops={"color": BLUE},
        whiskerprops={"color": BLUE},
        capprops={"color": BLUE},
        medianprops={"color": VERMILION, "linewidth": 2},
        manage_ticks=False,
    )
    for place, of in zip(places, values, strict=True):
        # A fixed fan instead of noise: the same cases stand at the same heights in every row.
        fan = SPREAD * np.sin(2.4 * np.arange(len(of)))
        axes.plot(of, place + fan, "o", color="#333333", markersize=2.6, alpha=0.65, markeredgewidth=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
