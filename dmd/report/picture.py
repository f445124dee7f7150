"""One run in one picture: its loss terms over the steps, and how its test cases scatter."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.report.scores import read_scores
from dmd.report.style import LINES, SETTINGS
from dmd.report.terms import draw_terms
from dmd.runs.folder import RunFolder

POINTS = 120  # of a curve
SIZE, WIDTHS = (7.2, 2.8), (3, 1)  # inches, shares
SPREAD = 0.15  # of the points across their class


def picture(run: RunFolder) -> Figure:
    """Return the picture of an evaluated run.

    Raises
    ------
    InputError
        Its test scores are not complete.
    """
    history, cases = pd.read_csv(run.history_table), read_scores(run)
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=SIZE, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=WIDTHS)
        left.set_xlabel(draw_terms(left, history, POINTS))
        left.legend(frameon=False)
        _cases(right, cases)
        figure.suptitle(run.id)
    return figure


def _cases(axes: Axes, cases: pd.DataFrame) -> None:
    """Draw a point per test case, and the median of each class."""
    for number, dice in cases.groupby("class")["dice"]:
        # A fixed fan instead of noise: the same cases stand at the same places in every picture.
        axes.plot(number + SPREAD * np.sin(2.4 * np.arange(len(dice))), dice, "o", markersize=3, color="#333333")
        axes.hlines(dice.median(), number - 2 * SPREAD, number + 2 * SPREAD, color=LINES[1][0], linewidth=2)
    classes = sorted(cases["class"].unique())
    axes.set(
        xticks=classes,
        xlim=(0.5, classes[-1] + 0.5),
        xlabel="class (line: median)",
        ylabel="Dice (%) of each test case",
    )
