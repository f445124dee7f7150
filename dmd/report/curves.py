"""Figures of test scores over a hyper-parameter, ours in colour and the paper's behind in grey."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning.artefacts import Curve
from dmd.planning.describe import read_artefact
from dmd.planning.plan import Artefact
from dmd.report.naming import HEADINGS, caption, is_published, row_name
from dmd.report.scores import read
from dmd.report.style import grey, our_style, publish, style
from dmd.report.tables import csv, notes
from dmd.report.tested import ReadOnce

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
    scores = read(artefact, ReadOnce(runs))
    frame = scores.summary()
    for place, name in enumerate(name for name in (artefact.form.line, artefact.form.x) if name):
        frame.insert(place, name, [row.params[name] for row in artefact.rows])
    with our_style():
        figure = draw(artefact, frame)
    write_text(output.with_suffix(".csv"), csv(frame.round(4)))
    about = f"{caption(artefact, scores.specs)} Mean over test scans and runs, no post-processing."
    said = [about, *notes(scores, frame), *["Grey: read off the paper's plot."] * is_published(artefact)]
    publish(figure, " ".join(said), artefact.runs, output)


def draw(artefact: Artefact[Curve], frame: pd.DataFrame) -> Figure:
    """Return one plot per score; the x axis is to scale, with ticks at the values that were run."""
    x, line, columns = artefact.form.x, artefact.form.line, artefact.form.columns
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    plots = figure.subplots(-(-len(columns) // 2), 2, squeeze=False).ravel()
    lines, ticks = dict.fromkeys(frame[line]) if line else [None], sorted(set(frame[x]))
    points = {_label(artefact, value): frame[frame[line] == value] if line else frame for value in lines}
    named = [(label, found.sort_values(x)) for label, found in points.items()]
    for plot, score in zip(plots, columns, strict=False):
        for index, (label, found) in enumerate(named):
            bars = found[f"{score}_sd"] if found[f"{score}_sd"].notna().any() else None
            look = {"label": label, "capsize": 2, "elinewidth": 0.8} | style(index)
            plot.errorbar(found[x], found[f"{score}_mean"], yerr=bars, **look)
        for index, (label, found) in enumerate(named):
            if found[f"{score}_paper"].notna().any():
                plot.plot(found[x], found[f"{score}_paper"], label=f"{label} (paper)", **grey(index))
        plot.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        plot.set(xlabel=f"{x} {SYMBOLS[x]}" if x in SYMBOLS else x, ylabel=HEADINGS[score])
        plot.grid(axis="y")
    for plot in plots[len(columns) :]:
        plot.set_axis_off()
    legend = plots[0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside upper center", ncols=len(legend[0]), frameon=False, handlelength=3.2)
    return figure


def _label(artefact: Artefact[Curve], value: Any) -> str:
    """Name a line by its value and by what else its runs share."""
    x, line = artefact.form.x, artefact.form.line
    params = [row.params for row in artefact.rows if not line or row.params[line] == value]
    shared = {name: of for name, of in params[0].items() if name != x and all(one.get(name) == of for one in params)}
    said = [NAMES.get(str(of)) or f"{SYMBOLS.get(name, name)} = {of}" for name, of in shared.items()]
    return ", ".join(said) or row_name(artefact.rows[0])
