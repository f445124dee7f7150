"""The figures of the artefacts as they lie in the results folder, their captions as text of the page."""

import re
from pathlib import Path

from PIL import Image

from dmd.errors import InputError
from dmd.planning.plan import Artefact
from dmd.report.page.image import PIXELS_PER_INCH, POINTS_PER_INCH, Picture, from_svg
from dmd.report.page.naming import title
from dmd.report.style import CAPTION_ID, CAPTION_SIZE

CAPTION_GROUP = re.compile(rf'<g id="{CAPTION_ID}">.*?translate\([\d.]+ (?P<baseline>[\d.]+)\)', re.DOTALL)
HEAD = re.compile(r'<svg [^>]*?(?P<size>width="(?P<width>[\d.]+)pt" height="[\d.]+pt" viewBox="[^"]*")')


def figure(artefact: Artefact, results: Path) -> Picture | None:
    """Return the picture of a curve or panel, its caption cut off and set beside it as text; None where none is made.

    Raises
    ------
    InputError
        The SVG has no caption that could be cut off.
    """
    png = (results / artefact.name).with_suffix(".png")
    svg = png.with_suffix(".svg")
    if not png.exists() or not svg.exists():
        return None
    with Image.open(png) as image:
        caption = image.info.get("Description", artefact.form.caption)
    found = cut(svg.read_text(encoding="utf-8"))
    if not found:
        raise InputError(f"expected a figure with its caption at {svg}, found none; delete it and make it again")
    text, *size = found
    width, height = (length * PIXELS_PER_INCH / POINTS_PER_INCH for length in size)
    return from_svg(text, width, height, f"{title(artefact)}: {artefact.form.caption}", caption)


def cut(svg: str) -> tuple[str, float, float] | None:
    """Return an SVG of `dmd.report.style.publish` without the strip of its caption, and its width and height in pt.

    None for an SVG that has no such strip.
    """
    head, group = HEAD.search(svg), CAPTION_GROUP.search(svg)
    if not head or not group:
        return None
    width, height = float(head["width"]), float(group["baseline"]) - 1.2 * CAPTION_SIZE
    size = f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}"'
    return svg[: head.start("size")] + size + svg[head.end("size") :], width, height
