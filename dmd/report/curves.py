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
from dmd.report.description import empty_predictions, setting
from dmd.report.scores import collect, settings
from dmd.report.style import SETTINGS, grey, publish, style
from dmd.report.tables import HEADINGS

SYMBOLS = {"temperature": "T", "weight": "λ"}
AXES = {"temperature": "temperature T", "weight": "weight λ"}
NAMES = {"dice": "Dice", "kl": "KL", "kl_bernoulli": "KL, whole Bernoulli"}
NOTE = (
    "Mean over the test scans and seeds, error bars: standard deviation over seeds where there are several. Last "
    "iteration, no post-processing. Empty predictions: {empty}. Grey: read off the paper's plot."
)


def write_curve(description: Path, runs: Path, output: Path) -> None:
    """Draw a curve from the runs behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.planning.plan.Artefact` of kind ``curve``.
    runs : Path
        Folder that holds the run folders.
    output : Path
        The PNG to write; ``.svg`` and ``.csv`` (every plotted value) are written beside it.

    Raises
    ------
    InputError
        The description is none, or a run behind the figure is missing or incomplete.
    """
    if output.suffix != ".png":
        raise InputError(f"expected a file name that ends in .png for the figure, found {output}")
    artefact = read_artefact(description, Curve)
    frame = collect(artefact, runs)
    for place, name in enumerate(name for name in (artefact.form.line, artefact.form.x) if name):
        frame.insert(place, name, [row.params[name] for row in artefact.rows])
    with mpl.rc_context(SETTINGS):
        figure = draw(artefact, frame)
    write_text(output.with_suffix(".csv"), frame.round(4).to_csv(index=False, lineterminator="\n"))
    note = NOTE.format(empty=empty_predictions(artefact))
    caption = f"{setting(artefact, settings(artefact, runs))} {artefact.form.caption} {note}"
    publish(figure, caption, artefact.runs, output)


def draw(artefact: Artefact, frame: pd.DataFrame) -> Figure:
    """Return one plot per score; the x axis is to scale, with ticks at the values that were run."""
    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    plots = figure.subplots(-(-len(artefact.form.columns) // 2), 2, squeeze=False).ravel()
    lines = list(dict.fromkeys(frame[artefact.form.line])) if artefact.form.line else [None]
    for plot, score in zip(plots, artefact.form.columns, strict=False):
        for index, line in enumerate(lines):
            points = frame if line is None else frame[frame[artefact.form.line] == line]
            points = points.sort_values(artefact.form.x)
            _line(plot, points, artefact.form.x, score, index, _label(artefact, line))
        ticks = sorted(set(frame[artefact.form.x]))
        plot.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        plot.set(xlabel=AXES.get(artefact.form.x, artefact.form.x), ylabel=HEADINGS[score])
        plot.grid(axis="y", color="#dddddd", linewidth=0.5)
        plot.set_axisbelow(True)
    for plot in plots[len(artefact.form.columns) :]:
        plot.set_axis_off()
    named = dict(zip(*reversed(plots[0].get_legend_handles_labels()), strict=True))
    labels = sorted(named, key=lambda label: label.endswith("(paper)"))  # ours first
    figure.legend(
        [named[label] for label in labels],
        labels,
        loc="outside upper center",
        ncols=len(labels),
        frameon=False,
        handlelength=3.2,
    )
    return figure


def _line(plot: Axes, points: pd.DataFrame, x: str, score: str, index: int, label: str) -> None:
    if points[f"{score}_paper"].notna().any():
        plot.plot(points[x], points[f"{score}_paper"], label=f"{label} (paper)", **grey(index))
    deviation = points[f"{score}_sd"]
    plot.errorbar(
        points[x],
        points[f"{score}_mean"],
        yerr=deviation if deviation.notna().any() else None,
        label=label,
        capsize=2,
        elinewidth=0.8,
        **style(index),
    )


def _label(artefact: Artefact, line: Any) -> str:
    """Name a line by its value and by what else its runs share."""
    params = [
        row.params for row in artefact.rows if artefact.form.line is None or row.params[artefact.form.line] == line
    ]
    shared = {
        name: value
        for name, value in params[0].items()
        if name not in (artefact.form.x, artefact.form.line) and all(other.get(name) == value for other in params)
    }
    said = [] if line is None else [NAMES.get(line, str(line))]
    for name, value in shared.items():
        said.append(f"{SYMBOLS.get(name, name)} = {value}" if name in SYMBOLS else NAMES.get(value, f"{name} {value}"))
    return ", ".join(said) or artefact.rows[0].label
