"""Figures of test scores over a hyper-parameter, ours in colour and the paper's behind in grey."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning.artefacts import Curve
from dmd.planning.describe import read_artefact
from dmd.planning.plan import Artefact
from dmd.report.naming import EMPTY, HEADINGS, caption, is_published, row_name, selections
from dmd.report.scores import read, reader
from dmd.report.style import SETTINGS, grey, publish, style
from dmd.report.tables import csv

SYMBOLS = {"temperature": "T", "weight": "λ"}
NAMES = {"dice": "Dice", "kl": "KL", "kl_bernoulli": "KL, whole Bernoulli"}


def write_curve(description: Path, runs: Path, output: Path) -> None:
    """Draw a curve from the runs behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.planning.plan.Artefact` of kind ``curve``.
    runs : Path
        Folder that holds the run folders.
    output : Path
        The PNG to write; ``.svg``, ``.caption.txt`` and ``.csv`` (every plotted value) are written beside it.

    Raises
    ------
    InputError
        The description is none, or a run behind the figure is missing or incomplete.
    """
    if output.suffix != ".png":
        raise InputError(f"expected a file name that ends in .png for the figure, found {output}")
    artefact = read_artefact(description, Curve)
    scores = read(artefact, reader(runs))
    frame = scores.summary()
    for place, name in enumerate(name for name in (artefact.form.line, artefact.form.x) if name):
        frame.insert(place, name, [row.params[name] for row in artefact.rows])
    with mpl.rc_context(SETTINGS):
        figure = draw(artefact, frame)
    write_text(output.with_suffix(".csv"), csv(frame.round(4)))
    said = [caption(artefact, scores.specs), "Mean over test scans and seeds"]
    said[-1] += "; bars: standard deviation over seeds." if frame["seeds"].max() > 1 else "."
    said += [f"Weights tested: {'; '.join(selections(scores.specs))}. No post-processing."]
    if frame["empty_predictions"].any():
        said += [f"Empty predictions count {EMPTY[artefact.form.empty]}."]
    said += ["Grey: read off the paper's plot."] if is_published(artefact) else []
    publish(figure, " ".join(said), artefact.runs, output)


def draw(artefact: Artefact[Curve], frame: pd.DataFrame) -> Figure:
    """Return one plot per score; the x axis is to scale, with ticks at the values that were run."""
    x, line, columns = artefact.form.x, artefact.form.line, artefact.form.columns
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    plots = figure.subplots(-(-len(columns) // 2), 2, squeeze=False).ravel()
    groups = list(frame.groupby(line, sort=False)) if line else [(None, frame)]
    ticks = sorted(set(frame[x]))
    for plot, score in zip(plots, columns, strict=False):
        for index, (value, points) in enumerate(groups):
            _line(plot, points.sort_values(x), x, score, index, _label(artefact, value))
        plot.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        plot.set(xlabel=f"{x} {SYMBOLS[x]}" if x in SYMBOLS else x, ylabel=HEADINGS[score])
        plot.grid(axis="y")
    for plot in plots[len(columns) :]:
        plot.set_axis_off()
    handles, labels = plots[0].get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place].endswith("(paper)"))  # ours first
    legend = [[part[place] for place in order] for part in (handles, labels)]
    figure.legend(*legend, loc="outside upper center", ncols=len(labels), frameon=False, handlelength=3.2)
    return figure


def _line(plot: Axes, points: pd.DataFrame, x: str, score: str, index: int, label: str) -> None:
    if points[f"{score}_paper"].notna().any():
        plot.plot(points[x], points[f"{score}_paper"], label=f"{label} (paper)", **grey(index))
    deviation, look = points[f"{score}_sd"], {"capsize": 2, "elinewidth": 0.8} | style(index)
    bars = deviation if deviation.notna().any() else None
    plot.errorbar(points[x], points[f"{score}_mean"], yerr=bars, label=label, **look)


def _label(artefact: Artefact[Curve], value: Any) -> str:
    """Name a line by its value and by what else its runs share."""
    x, line = artefact.form.x, artefact.form.line
    params = [row.params for row in artefact.rows if not line or row.params[line] == value]
    said = [NAMES.get(value, str(value))] if line else []
    for name, shared in params[0].items():
        if name not in (x, line) and all(other.get(name) == shared for other in params):
            text = f"{SYMBOLS[name]} = {shared}" if name in SYMBOLS else f"{name} {shared}"
            said.append(NAMES.get(shared, text))
    return ", ".join(said) or row_name(artefact.rows[0])
