"""The loss terms of a training over its steps, as both the page and MLflow show them."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from dmd.report.style import LINES
from dmd.runs.history import loss_terms


def draw_terms(axes: Axes, history: pd.DataFrame, points: int) -> str:
    """Draw each term through at most so many points and return what the x axis shows.

    Each point is the mean over as many steps as that takes.
    """
    terms = loss_terms(history.columns)
    window = -(-len(history) // points)
    means = history.groupby((history["step"] - 1) // window)[["step", *terms]].mean()
    for name, look in zip(terms, looks(terms), strict=True):
        axes.plot(means["step"], means[name], label=name, linewidth=1, **look)
    axes.set_ylabel("loss term")
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)
    return "step" if window == 1 else f"step (means of {window})"


def looks(terms: list[str]) -> list[dict[str, Any]]:
    """Return the look of each term, for `Axes.plot`: the loss is black, no two others share colour and dashes."""
    count = len(LINES)
    styles = ((LINES[index % count][0], LINES[(index + index // count) % count][1]) for index in range(count**2))
    named = {name: ("black", "-") if name == "loss" else next(styles) for name in terms}
    return [{"color": colour, "linestyle": dashes} for colour, dashes in named.values()]
