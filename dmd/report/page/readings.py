"""How the paper's contradictions are read: a table of docs/deviations.md, which is its only home."""

from pathlib import Path
from typing import Any

import mistune

from dmd.errors import InputError
from dmd.report.page.table import Cell, Column, Table

HEADING = "Readings of the paper"


def readings(document: Path) -> Table | None:
    """Return the table under the heading that starts with "Readings of the paper"; None where there is no document.

    Raises
    ------
    InputError
        The document has no such table.
    """
    if not document.exists():
        return None
    blocks = mistune.create_markdown(renderer="ast", plugins=["table"])(document.read_text(encoding="utf-8"))
    here = False
    for block in blocks:
        if block["type"] == "heading":
            here = _text(block).startswith(HEADING)
        elif here and block["type"] == "table":
            head, body = block["children"]
            rows = tuple(tuple(Cell(_text(cell)) for cell in row["children"]) for row in body["children"])
            columns = tuple(Column(_text(cell).capitalize(), words=True) for cell in head["children"])
            return Table("readings-table", f"From {document}, which has the others too.", columns, rows)
    raise InputError(f"expected a table under the heading '{HEADING} ...' in {document}, found none")


def _text(block: dict[str, Any]) -> str:
    """Return the words of a block without their markup."""
    if "children" in block:
        return "".join(_text(child) for child in block["children"])
    return block.get("raw", " ")
