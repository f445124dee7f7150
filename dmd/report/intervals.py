"""Points with their intervals: the forest plot of differences to DMD, and the plot of ranks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dmd.report.comparison import apart
from dmd.report.naming import HEADINGS, row_name
from dmd.report.scores import PLAIN, Scores
from dmd.report.style import BLUE, GREY, VERMILION, our_style

FIELD = ["dataset", "labelled", "metric"]
LOOKS = {"better": (BLUE, "^"), "worse": (VERMILION, "v")}  # of a method against DMD; else black and round
FOREST = (
    "Method minus DMD: Hodges-Lehmann estimate and 95 % interval, no post-processing. Triangles: significant, up "
    "better, down worse. Grey: the noise floor, 95 % of the differences of DMD to itself with other runs{}."
)
RANKED = "Rank by the mean over patients and runs (1 is best) and its 95 % bootstrap interval, no post-processing."
OVER_RUNS = " tau: agreement of the orders by single runs (Kendall)."
OVER_PATIENTS = " Of a method with one run the interval is over patients alone."
EMPTY = "Nothing to draw: no data set and budget has two evaluated methods to compare."


def forest_plot(scores: Scores, comparison: pd.DataFrame) -> tuple[Figure, str]:
    """Draw every difference to DMD with its interval, the noise floor behind; return the figure and its caption.

    Parameters
    ----------
    scores : Scores
        Of a table.
    comparison : DataFrame
        What `dmd.report.comparison.compare_rows` returned for them.
    """
    others, floors = apart(comparison.query(PLAIN))
    unknown = " (unknown where DMD has one run)" if (others["reference_runs"] == 1).any() else ""
    return _drawn(scores, others, partial(_draw_differences, floors)), FOREST.format(unknown)


def rank_plot(scores: Scores, ranks: pd.DataFrame) -> tuple[Figure, str]:
    """Draw the rank of every method with its interval; return the figure and its caption.

    Parameters
    ----------
    scores : Scores
        Of a table.
    ranks : DataFrame
        What `dmd.report.ranking.rank_rows` returned for them.
    """
    lines = ranks.query(PLAIN)
    said = RANKED + OVER_PATIENTS * bool((lines["runs"] < 2).any()) + OVER_RUNS * bool(lines["tau"].notna().any())
    return _drawn(scores, lines, _draw_ranks), said


def _drawn(scores: Scores, lines: pd.DataFrame, draw: Callable[[Axes, str, pd.DataFrame], None]) -> Figure:
    """Return a figure with a row of plots per data set and budget: in each a plot per score, a line per method."""
    groups, metrics = list(lines.groupby(["dataset", "labelled"], sort=False)), scores.artefact.form.columns
    heights = [0.75 + 0.22 * group.index.nunique() for _, group in groups] or [0.5]
    with our_style():
        figure = Figure(figsize=(1.3 + 1.6 * len(metrics), sum(heights)), layout="constrained")
        if not groups:
            figure.text(0.5, 0.5, EMPTY, ha="center", va="center", fontsize=7)
            return figure
        plots = figure.subplots(len(groups), len(metrics), squeeze=False, sharey="row", height_ratios=heights)
        for ((dataset, labelled), group), axes in zip(groups, plots, strict=True):
            for plot, metric in zip(axes, metrics, strict=True):
                draw(plot, metric, group[group["metric"] == metric])
                plot.grid(axis="x")
            names = [row_name(scores.artefact.rows[number]) for number in group.index.unique()]
            axes[0].set_yticks(range(len(names)), names)
            axes[0].set_ylim(len(names) - 0.4, -0.6)  # the first row of the table on top
            axes[0].set_title(f"{dataset}, {labelled} labelled", loc="left")
    return figure


def _draw_differences(floors: pd.DataFrame, plot: Axes, metric: str, lines: pd.DataFrame) -> None:
    behind = floors.merge(lines[FIELD].drop_duplicates(), on=FIELD)
    for low, high in zip(behind["low"], behind["high"], strict=True):
        plot.axvspan(low, high, color=GREY, alpha=0.4, linewidth=0)
    plot.axvline(0, color="black", linewidth=0.8)
    for place, line in enumerate(lines.to_dict("records")):
        colour, marker = LOOKS.get(line["verdict"], ("black", "o"))
        _draw_interval(plot, place, line["difference"], line["low"], line["high"], color=colour, marker=marker)
    plot.set_xlabel(f"difference in {HEADINGS[metric]}")


def _draw_ranks(plot: Axes, metric: str, lines: pd.DataFrame) -> None:
    """Draw what is ranked: nothing where no patient has the score in every row."""
    for place, line in enumerate(lines.to_dict("records")):
        _draw_interval(plot, place, line["rank"], line["low"], line["high"], color=BLUE, marker="o")
    plot.set(xlabel=f"rank in {HEADINGS[metric].split()[0]}", xlim=(0.6, max(len(lines), 1) + 0.4))
    plot.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if lines["tau"].notna().any():
        plot.set_title(f"tau {lines['tau'].iloc[0]:.2f}", loc="right")


def _draw_interval(plot: Axes, place: int, middle: float, low: float, high: float, **look: Any) -> None:
    """Draw a point, and the line of its interval where it has one."""
    plot.plot(middle, place, markersize=4.5, **look)
    if not pd.isna(low):
        plot.hlines(place, low, high, color=look["color"], linewidth=1.2)
