"""How figures look (told apart in grey print and by the colour-blind) and how they are published."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from dmd.files import replacing, write_text

# Okabe and Ito, 2008 (https://jfly.uni-koeln.de/color/): told apart with any common colour blindness.
BLUE, VERMILION, GREEN, ORANGE, PURPLE, YELLOW = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#F0E442"
GREY = "#A3A3A3"  # no colour of a line is as light
# One row per line of a figure: colour, dashes and marker all differ.
LINES = ((BLUE, "-", "o"), (VERMILION, ":", "s"), (GREEN, "--", "^"), (PURPLE, "-.", "D"), (ORANGE, (0, (5, 1)), "v"))
HEAT = "cividis"  # grows in lightness, and alike for all eyes
SETTINGS: dict[Any, Any] = {  # Matplotlib's own type lists every key there is
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 8),
    **dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7.5),
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True},
    **{"grid.color": "#dddddd", "grid.linewidth": 0.5, "lines.linewidth": 1.5, "hatch.linewidth": 0.6},
    "svg.hashsalt": "dmd",  # the same figure has the same bytes
    "text.parse_math": False,  # a dollar in a label is a dollar
}
DPI = 200
MOST_ROWS = 50  # of tables that pictures are drawn of: more are not told apart, and take minutes


@contextmanager
def our_style(**more: Any) -> Iterator[None]:
    """Draw and save by our settings and ``more`` of them, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS | more)
        yield


def style(index: int) -> dict[str, Any]:
    """Return the look of the line number ``index``, for `Axes.plot`."""
    colour, dashes, marker = LINES[index % len(LINES)]
    return {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 4.5}


def grey(index: int) -> dict[str, Any]:
    """Return the same line in grey, behind the others: a published value beside ours."""
    return style(index) | {"color": GREY, "markerfacecolor": "white", "linewidth": 1.1, "markersize": 4, "zorder": 1}


def left_out(text: str) -> Figure:
    """Return a figure that says why nothing is drawn."""
    with our_style():
        figure = Figure(figsize=(7.2, 0.5))
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=7)
    return figure


def publish(figure: Figure, caption: str, ids: Iterable[str], output: Path) -> None:
    """Write a figure as ``output`` and as ``.svg``, what it shows as ``.caption.txt`` and into both files' metadata.

    Parameters
    ----------
    figure : Figure
        Nothing is drawn into it.
    caption : str
        What is seen, and at which scale.
    ids : iterable of str
        The runs behind it, which the caption names at its end.
    output : Path
        Ends in ``.png``.
    """
    text = f"{caption} Runs: {', '.join(ids)}."
    with our_style():
        with replacing(output) as aside:
            figure.savefig(aside, format="png", dpi=DPI, metadata={"Description": text})
        with replacing(output.with_suffix(".svg")) as aside:
            figure.savefig(aside, format="svg", metadata={"Description": text, "Date": None})
    write_text(caption_file(output), f"{text}\n")


def caption_file(picture: Path) -> Path:
    """Return where the caption of a picture stands."""
    return picture.with_suffix(".caption.txt")
