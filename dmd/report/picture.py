"""Pictures of one run: its loss terms over the steps, and how its test cases scatter."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.report.history import read_history
from dmd.report.scores import PLAIN
from dmd.report.style import VERMILION, our_style
from dmd.report.tested import read_run
from dmd.runs.folder import RunFolder
from dmd.runs.history import CHOSEN_BY, loss_terms


def picture(run: RunFolder) -> Figure:
    """Return how an evaluated run trained, and beside it every test case: the picture of the MLflow view.

    Raises
    ------
    InputError
        Its history is no table of numbers, or its test scores are not complete.
    """
    cases = read_run(run).lines.query(PLAIN)
    with our_style():
        figure = Figure(figsize=(7.2, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 1))
        _draw_terms(left, read_history(run), 120)
        left.legend(frameon=False)
        sns.swarmplot(cases, x="class", y="dice", size=3, color="#333333", warn_thresh=1, ax=right)
        for place, (_, values) in enumerate(cases.groupby("class")["dice"]):
            right.hlines(values.median(), place - 0.3, place + 0.3, color=VERMILION, linewidth=2)
        right.set(xlabel="class (line: median)", ylabel="Dice (%) of each test case")
        figure.suptitle(run.id)
    return figure


def training_curve(history: pd.DataFrame) -> Figure:
    """Return the loss terms of a training and the Dice that its weights are chosen by, for many in a row."""
    chosen_by = [name for name in CHOSEN_BY if name in history]
    heights = [2.1, *[1.1] * len(chosen_by)]
    with our_style():
        figure = Figure(figsize=(4.2, sum(heights)), layout="constrained")
        plots = figure.subplots(len(heights), squeeze=False, sharex=True, height_ratios=heights).ravel()
        _draw_terms(plots[0], history, 60)
        for plot, name in zip(plots[1:], chosen_by, strict=True):
            seen = history.dropna(subset=[name])
            plot.plot(seen["step"], 100 * seen[name], color="black", linewidth=1)
            plot.set_ylabel(f"{name.partition('_')[0]}\nDice (%)")
        plots[-1].set_xlabel(plots[0].get_xlabel())
        figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=6.5)
    return figure


def _draw_terms(axes: Axes, history: pd.DataFrame, points: int) -> None:
    """Draw each term through at most so many points, each the mean over as many steps as that takes; the loss black."""
    terms = loss_terms(history.columns)
    window = -(-len(history) // points)
    means = history.groupby((history["step"] - 1) // window)[["step", *terms]].mean().set_index("step")
    colours = dict(zip(terms, sns.color_palette("colorblind", len(terms)), strict=True)) | {"loss": "black"}
    for term in terms:
        axes.plot(means.index, means[term], color=colours[term], linewidth=1, label=term)
    axes.set(xlabel="step" if window == 1 else f"step (means of {window})", ylabel="loss term")
    axes.grid(axis="y")
