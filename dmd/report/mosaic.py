"""A picture of a store: one slice of some of its cases with the outlines of the labels, to be looked at."""

import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dmd.data.store import Case, Store, load_store
from dmd.files import replacing
from dmd.report.panels.drawing import grey_window
from dmd.report.panels.regions import plane
from dmd.report.style import our_style

COLUMNS, ROWS, INCHES = 6, 4, 2.3  # inches per panel
OUTLINES = [mpl.colormaps["Set1"](index) for index in (0, 4, 2, 1, 3, 6, 7, 5)]


def mosaic(path: Path, out: Path) -> None:
    """Draw up to 24 cases, evenly chosen over all parts, as a PNG.

    A panel shows the plane with most foreground, of a case that is not annotated the one with most that is bright,
    across the axis with the fewest planes (z of LA, the slices of ACDC), windowed from the 1st to the 99th percentile
    of the case's intensities.

    Parameters
    ----------
    path : Path
        The store.
    out : Path
        The PNG to write.
    """
    store = load_store(path)
    listed = [(part, case) for part in store.parts for case in store.cases(part)]
    picks = np.unique(np.linspace(0, len(listed) - 1, COLUMNS * ROWS).round().astype(int))
    rows = -(-len(picks) // COLUMNS)
    bare = {"frameon": False, "xticks": [], "yticks": []}
    with our_style():
        figure = Figure(figsize=(COLUMNS * INCHES, rows * INCHES + 0.9), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False, subplot_kw=bare).ravel()
        for panel, pick in zip(panels, picks, strict=False):
            part, case = listed[pick]
            _draw(panel, part, case, len(store.classes))
        _describe(figure, store, len(picks), len(listed))
        with replacing(out) as aside:
            figure.savefig(aside, format="png", dpi=100)


def _draw(panel: Axes, part: str, case: Case, classes: int) -> None:
    axis = int(np.argmin(case.image.shape))
    foreground = case.label > 0 if case.is_annotated else case.image > np.median(case.image)
    index = int(foreground.sum(axis=tuple({0, 1, 2} - {axis})).argmax())
    label = plane(case.label, index, axis) if case.is_annotated else None
    panel.imshow(plane(case.image, index, axis), interpolation="nearest", **grey_window(case.image))
    for value, colour in zip(range(1, classes), itertools.cycle(OUTLINES), strict=False):
        if label is not None and (label == value).any():
            panel.contour(label == value, [0.5], colors=[colour], linewidths=1.1)
    panel.set_title(f"{case.name}\n{part}, plane {index + 1} of {case.image.shape[axis]}", fontsize=7)


def _describe(figure: Figure, store: Store, shown: int, held: int) -> None:
    identity = [f"{key} {value}" for key, value in store.identity.items() if key != "split" and value is not None]
    figure.suptitle(f"{', '.join(identity)}: {shown} of {held} cases", fontsize=9)
    names = store.classes[1:]
    lines = [Line2D([], [], color=OUTLINES[index % len(OUTLINES)]) for index in range(len(names))]
    figure.legend(lines, names, loc="outside lower center", ncols=len(lines), fontsize=8, frameon=False)
