"""Learning curves of the methods of a table: the mean over their runs and how far single runs are from it."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dmd.planning.plan import Artefact
from dmd.report.history import has_history, read_histories
from dmd.report.naming import setting_name
from dmd.report.style import BLUE, GREEN, our_style
from dmd.runs.folder import RunFolder

POINTS = 60
LOOKS = {"loss": ("black", "-"), "labelled": (BLUE, "--"), "dice": (GREEN, "-.")}
BY = ["row", "name", "quantity", "step"]
OVER_RUNS = ["runs", "mean", "low", "high"]
SUPERVISED = ("cross_entropy", "dice", "bayesian")  # terms that see labels, besides those of several networks
ABOUT = (
    "Black: the loss; blue, dashed: its supervised part, as weighted, the mean where several networks or decoders have "
    "one; green: the Dice that weights are chosen by, where they are (on the validation patients; with selection "
    "'oracle' on the test patients). Lines: means over runs and windows of steps; bands: from the lowest run to the "
    "highest."
)


def learning_curves(artefact: Artefact[Any], runs: Path) -> pd.DataFrame:
    """Return how the rows of a table learnt, as far as their runs are.

    Returns
    -------
    DataFrame
        A line per row, quantity (``loss``; ``labelled``, `supervised_loss`; ``dice``, what weights are chosen by, in
        percent) and window of steps (``step``: its middle): runs, and mean, low and high over them.
    """
    found = []
    for number, row in enumerate(artefact.rows):
        begun = [run for run in map(RunFolder, (runs / name for name in row.runs)) if has_history(run)]
        if begun:
            training = begun[0].read_spec().training
            quantities = _quantities(read_histories(begun), training)
            found.append(quantities.assign(row=number, name=setting_name(row)))
    if not found:
        return pd.DataFrame(columns=[*BY, *OVER_RUNS])
    means = pd.concat(found).groupby(["row", "name", "run", "step"], sort=False).mean()
    means = means.reset_index().melt(["row", "name", "run", "step"], var_name="quantity").dropna()
    values = means.sort_values("row", kind="stable").groupby(BY, sort=False)["value"]
    return values.agg(["count", "mean", "min", "max"]).set_axis(OVER_RUNS, axis=1).reset_index()


def supervised_loss(terms: pd.DataFrame) -> pd.Series:
    """Return the part of a loss that sees labels: the mean of ``supervised_1`` and so on, else the sum of `SUPERVISED`.

    NaN where a method of somebody's own calls its terms otherwise.
    """
    peers = [name for name in terms if str(name).startswith("supervised")]
    if peers:
        return terms[peers].mean(axis=1)
    return terms[terms.columns.intersection(list(SUPERVISED))].sum(axis=1, min_count=1)


def _quantities(histories: pd.DataFrame, training: dict[str, Any]) -> pd.DataFrame:
    """Return the quantities at each step of runs, with the middle of the window of steps that it is in."""
    window, chosen_by = -(-training["iterations"] // POINTS), f"{training['selection']}_dice"
    found = pd.DataFrame({"step": (histories["step"] - 1) // window * window + (window + 1) // 2})
    found["loss"], found["labelled"] = histories["loss"], supervised_loss(histories)
    if chosen_by in histories:
        found["dice"] = 100 * histories[chosen_by]
    return found.reset_index()


def draw(curves: pd.DataFrame) -> Figure:
    """Return one plot per row of a table, on one scale; Dice, where there is one, has an axis of its own."""
    rows = list(curves.groupby("name", sort=False))
    columns = min(len(rows), 3) or 1
    height = -(-len(rows) // columns) or 1
    with our_style():
        figure = Figure(figsize=(2.3 * columns + 0.4, 1.7 * height + 0.2), layout="constrained")
        plots = figure.subplots(height, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for plot, (name, lines) in zip(plots, rows, strict=False):
            plot.set_title(f"{name} ({_runs(lines['runs'].max())})", fontsize=7)
            right = plot.twinx() if (lines["quantity"] == "dice").any() else None
            for quantity, of in lines.groupby("quantity", sort=False):
                colour, dashes = LOOKS[str(quantity)]
                axes = right if right and quantity == "dice" else plot
                axes.fill_between(of["step"], of["low"], of["high"], color=colour, alpha=0.25, linewidth=0)
                axes.plot(of["step"], of["mean"], color=colour, linestyle=dashes, linewidth=1)
            if right:
                right.set(ylim=(0, 100), ylabel="Dice (%)")
            plot.grid(axis="y")
            plot.tick_params(labelbottom=True)
        for plot in plots[len(rows) :]:
            plot.set_axis_off()
        figure.supxlabel("step", fontsize=8)
        figure.supylabel("loss", fontsize=8)
    return figure


def about(artefact: Artefact[Any], runs: Path) -> str:
    """Say what the curves are, and of which runs there are none."""
    without = [run for run in artefact.runs if not has_history(RunFolder(runs / run))]
    return f"{ABOUT} Without a history, and not drawn: {', '.join(without)}." if without else ABOUT


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
