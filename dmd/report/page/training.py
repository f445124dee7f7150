"""Training curves: every loss term of a run over its steps, small enough to stand beside a hundred others."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd import journal
from dmd.errors import InputError
from dmd.report.page.image import Picture, from_figure
from dmd.report.style import LINES, SETTINGS
from dmd.rundir import RunDir

POINTS = 60  # of a curve; each is the mean over as many steps as that takes
NOT_TERMS = ("step", "learning_rate", "validation_dice")
SIZE, VALIDATION = (4.2, 2.1), 1.1  # inches


def training_curve(run: RunDir) -> Picture | None:
    """Return the loss terms of a run, and its validation Dice where it has one; None before its first step.

    Raises
    ------
    InputError
        The history is no table of numbers.
    """
    history = _history(run)
    if history is None or history.empty:
        return None
    terms = [name for name in history.columns if name not in NOT_TERMS]
    window = -(-len(history) // POINTS)
    means = history.groupby((history["step"] - 1) // window)[["step", *terms]].mean()
    validated = history.dropna(subset=["validation_dice"]) if "validation_dice" in history else None
    with mpl.rc_context(SETTINGS):
        figure = _draw(means, terms, window, validated)
    first, last = means["loss"].iloc[0], means["loss"].iloc[-1]
    alt = f"Training of {run.id}: loss from {first:.3f} to {last:.3f} in {int(history['step'].iloc[-1])} steps"
    return from_figure(figure, f"{alt}; terms: {', '.join(terms)}.")


def _draw(means: pd.DataFrame, terms: list[str], window: int, validated: pd.DataFrame | None) -> Figure:
    heights = [SIZE[1]] if validated is None else [SIZE[1], VALIDATION]
    figure = Figure(figsize=(SIZE[0], sum(heights)), layout="constrained")
    plots = figure.subplots(len(heights), squeeze=False, sharex=True, height_ratios=heights).ravel()
    _terms(plots[0], means, terms)
    if validated is not None:
        plots[1].plot(validated["step"], 100 * validated["validation_dice"], color="black", linewidth=1)
        plots[1].set_ylabel("val. Dice (%)")
    plots[-1].set_xlabel("step" if window == 1 else f"step (means of {window})")
    figure.legend(loc="outside upper center", ncols=min(len(terms), 4), frameon=False, fontsize=6.5)
    return figure


def _terms(axes: Axes, means: pd.DataFrame, terms: list[str]) -> None:
    for name, look in zip(terms, looks(terms), strict=True):
        axes.plot(means["step"], means[name], label=name, linewidth=1, **look)
    axes.set_ylabel("loss term")
    axes.grid(axis="y", color="#dddddd", linewidth=0.5)


def looks(terms: list[str]) -> list[dict[str, Any]]:
    """Return the look of each term, for `Axes.plot`: the loss is black, no two others share colour and dashes."""
    count = len(LINES)
    styles = ((LINES[index % count][0], LINES[(index + index // count) % count][1]) for index in range(count**2))
    named = {name: ("black", "-") if name == "loss" else next(styles) for name in terms}
    return [{"color": colour, "linestyle": dashes} for colour, dashes in named.values()]


def _history(run: RunDir) -> pd.DataFrame | None:
    """Return the history of a run that is trained, or that trains now."""
    if run.history.exists():
        return _table(run.history)
    if run.journal.exists():
        return pd.DataFrame([{"step": line["step"], **line["values"]} for line in journal.lines(run.journal)])
    return None


def _table(path: Path) -> pd.DataFrame:
    try:
        history = pd.read_csv(path)
        return history.astype(float)[["step", *(name for name in history.columns if name != "step")]]
    except (ValueError, KeyError) as error:
        raise InputError(
            f"expected the history of a trained run at {path}: {error}; delete the file and train the run again"
        ) from None
