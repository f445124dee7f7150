"""How figures look (told apart in grey print and by the colour-blind) and how they are published, caption and all."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dmd.files import replacing

# Okabe and Ito, 2008 (https://jfly.uni-koeln.de/color/): told apart with any common colour blindness.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, YELLOW = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#F0E442"
GREY = "#A3A3A3"  # no colour of a line is as light
# One row per line of a figure: colour, dashes and marker all differ.
LINES = ((BLUE, "-", "o"), (VERMILION, ":", "s"), (GREEN, "--", "^"), (PURPLE, "-.", "D"), (ORANGE, (0, (5, 1)), "v"))
HEAT = "cividis"  # grows in lightness, and alike for all eyes
SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.5,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "dmd",  # the same figure has the same bytes
}
CAPTION_SIZE, LETTERS_PER_INCH = 6.5, 20
CAPTION_ID = "caption"  # of its group in the SVG
DPI = 200


def style(index: int) -> dict:
    """Return the look of the line number ``index``, for `Axes.plot`."""
    colour, dashes, marker = LINES[index % len(LINES)]
    return {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 4.5}


def grey(index: int) -> dict:
    """Return the same line in grey, behind the others: a published value beside ours."""
    return style(index) | {"color": GREY, "markerfacecolor": "white", "linewidth": 1.1, "markersize": 4, "zorder": 1}


def bare(axes: Axes) -> None:
    """Leave the frame of a picture without ticks."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)


def run_names(ids: Iterable[str]) -> str:
    """Return run ids with what they share written once.

    >>> run_names(["la-8-dmd-01ab", "la-8-dmd-9f00", "la-8-cps-22c4"])
    'la-8-dmd-{01ab, 9f00}, la-8-cps-22c4'
    """
    groups: dict[str, list[str]] = {}
    for name in ids:
        prefix, _, digest = name.rpartition("-")
        groups.setdefault(prefix, []).append(digest)
    return ", ".join(
        f"{prefix}-{digests[0]}" if len(digests) == 1 else f"{prefix}-{{{', '.join(digests)}}}"
        for prefix, digests in groups.items()
    )


def publish(figure: Figure, caption: str, ids: Iterable[str], output: Path) -> None:
    """Write ``output`` and the same as ``.svg``, with caption and run ids under the figure and in the files.

    Parameters
    ----------
    figure : Figure
        Laid out as ``constrained``; room for the caption is made below.
    caption : str
        What is seen, and at which scale.
    ids : iterable of str
        The runs behind it.
    output : Path
        Ends in ``.png``.
    """
    text = f"{caption} Runs: {run_names(ids)}."
    width = int(figure.get_figwidth() * LETTERS_PER_INCH)
    under = figure.supxlabel(textwrap.fill(text, width), x=0.01, ha="left", fontsize=CAPTION_SIZE, color="#333333")
    under.set_gid(CAPTION_ID)
    with mpl.rc_context(SETTINGS):
        with replacing(output) as aside:
            figure.savefig(aside, format="png", dpi=DPI, metadata={"Description": text})
        with replacing(output.with_suffix(".svg")) as aside:
            figure.savefig(aside, format="svg", metadata={"Description": text, "Date": None})
