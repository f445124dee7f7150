"""Training curves: every loss term of a run over its steps, small enough to stand beside a hundred others."""

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from dmd.errors import InputError
from dmd.report.page.image import Picture, from_figure
from dmd.report.style import SETTINGS
from dmd.report.terms import draw_terms
from dmd.runs.folder import RunFolder
from dmd.runs.history import CHOSEN_BY, loss_terms, read_steps

POINTS = 60  # of a curve
SIZE, CHOICE = (4.2, 2.1), 1.1  # inches


def training_curve(run: RunFolder) -> Picture | None:
    """Return the loss terms of a run, and the Dice that its weights are chosen by; None before its first step.

    Raises
    ------
    InputError
        The history is no table of numbers.
    """
    history = _history(run)
    if history is None or history.empty:
        return None
    with mpl.rc_context(SETTINGS):
        figure = _draw(history)
    loss = history["loss"].rolling(max(1, len(history) // POINTS), min_periods=1).mean()
    alt = f"Training of {run.id}: loss from {loss.iloc[0]:.3f} to {loss.iloc[-1]:.3f} in {len(history)} steps"
    return from_figure(figure, f"{alt}; terms: {', '.join(loss_terms(history.columns))}.")


def _draw(history: pd.DataFrame) -> Figure:
    chosen_by = [name for name in CHOSEN_BY if name in history]
    heights = [SIZE[1], *[CHOICE] * len(chosen_by)]
    figure = Figure(figsize=(SIZE[0], sum(heights)), layout="constrained")
    plots = figure.subplots(len(heights), squeeze=False, sharex=True, height_ratios=heights).ravel()
    plots[-1].set_xlabel(draw_terms(plots[0], history, POINTS))
    for plot, name in zip(plots[1:], chosen_by, strict=True):
        seen = history.dropna(subset=[name])
        plot.plot(seen["step"], 100 * seen[name], color="black", linewidth=1)
        plot.set_ylabel(f"{name.partition('_')[0]}\nDice (%)")
    figure.legend(loc="outside upper center", ncols=min(len(plots[0].lines), 4), frameon=False, fontsize=6.5)
    return figure


def _history(run: RunFolder) -> pd.DataFrame | None:
    """Return the history of a run that is trained, or that trains now."""
    if run.history_table.exists():
        return _table(run.history_table)
    if run.history.exists():
        return pd.DataFrame([{"step": line["step"], **line["values"]} for line in read_steps(run.history)])
    return None


def _table(path: Path) -> pd.DataFrame:
    try:
        history = pd.read_csv(path)
        return history.astype(float)[["step", *(name for name in history.columns if name != "step")]]
    except (ValueError, KeyError) as error:
        raise InputError(
            f"expected the history of a trained run at {path}: {error}; delete the file and train the run again"
        ) from None
