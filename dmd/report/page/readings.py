"""How the paper's contradictions are read: a table of docs/deviations.md, which is its only home."""

from pathlib import Path
from typing import Any, cast

import mistune

from dmd.errors import InputError
from dmd.report.page.table import Grid

HEADING = "Readings of the paper"


def readings(document: Path) -> Grid:
    """Return the table under the heading that starts with "Readings of the paper".

    Raises
    ------
    InputError
        The document has no such table.
    """
    parse = mistune.create_markdown(renderer="ast", plugins=["table"])
    blocks = iter(cast(list[dict[str, Any]], parse(document.read_text(encoding="utf-8"))))
    any(block["type"] == "heading" and _text(block).startswith(HEADING) for block in blocks)  # goes on to the heading
    table = next((block for block in blocks if block["type"] == "table"), None)
    if table is None:
        raise InputError(f"expected a table under the heading '{HEADING} ...' in {document}, found none")
    head, body = (part["children"] for part in table["children"])
    columns = zip(*(map(_text, row["children"]) for row in body), strict=True)
    cells = {("", _text(name).capitalize()): list(texts) for name, texts in zip(head, columns, strict=True)}
    return Grid("readings-table", f"From docs/{document.name}, which has the others too.", cells)


def _text(block: dict[str, Any]) -> str:
    """Return the words of a block without their markup."""
    return "".join(map(_text, block["children"])) if "children" in block else str(block.get("raw", " "))
