"""Pictures that travel inside the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dmd.report.style import caption_file, our_style

PIXELS_PER_POINT = 96 / 72
# Letters stay letters: half the bytes, and sharp at every size. What is left of Matplotlib's name says nothing.
EMBEDDED = {"svg.fonttype": "none", "font.family": "sans-serif"}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
COLOURS = 64


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, its size in CSS pixels, and what it shows in words."""

    source: str
    width: int
    height: int
    alt: str
    caption: str = ""


def from_figure(figure: Figure, alt: str) -> Picture:
    """Return a Matplotlib figure as SVG; the same figure gives the same bytes."""
    file = io.StringIO()
    with our_style(**EMBEDDED):
        figure.savefig(file, format="svg", metadata=NO_METADATA)
    return _from_svg(file.getvalue(), alt)


def from_files(png: Path, alt: str) -> Picture | None:
    """Return what `dmd.report.style.publish` wrote; None where a file of it is missing."""
    svg, caption = png.with_suffix(".svg"), caption_file(png)
    if not all(path.exists() for path in (png, svg, caption)):
        return None
    return _from_svg(svg.read_text(encoding="utf-8"), alt, caption.read_text(encoding="utf-8").strip())


def from_pixels(pixels: np.ndarray, alt: str, caption: str = "") -> Picture:
    """Return RGB pixels ``(height, width, 3)`` uint8 as a PNG with a palette of 64 colours."""
    file = io.BytesIO()
    image = Image.fromarray(pixels).quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(file, format="PNG", optimize=True)
    return Picture(_uri("image/png", file.getvalue()), *image.size, alt, caption)


def _from_svg(text: str, alt: str, caption: str = "") -> Picture:
    root = ElementTree.fromstring(text)
    sides = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    width, height = (round(side * PIXELS_PER_POINT) for side in sides)
    # What stands before the drawing names a DTD on another host.
    return Picture(_uri("image/svg+xml", text[text.index("<svg") :].encode()), width, height, alt, caption)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
