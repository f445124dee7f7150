"""What a table of the page is: columns that may share a heading, cells with a text and a value to sort by."""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

ABSENT = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A column; ``group`` is what it shares a heading with, ``words`` set to the left instead of the right."""

    heading: str
    group: str = ""
    words: bool = False


@dataclass(frozen=True)
class Cell:
    """What stands in a table; sorted by ``value`` where it has one, last where it is ``missing``.

    ``links`` are pairs of a text and the id of a place on the page, set after the text.
    """

    text: str
    value: float | None = None
    look: Literal["", "better", "worse", "missing"] = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    @property
    def groups(self) -> list[tuple[str, list[Column]]]:
        """Neighbouring columns by the heading they share; a column without one stands alone."""
        numbered = enumerate(self.columns)
        found = groupby(numbered, lambda pair: (pair[1].group, None if pair[1].group else pair[0]))
        return [(group, [column for _, column in columns]) for (group, _), columns in found]


def number(value: float, digits: int = 2, sign: str = "") -> Cell:
    """Return a number as a cell, with a true minus sign, and with "+" for ``sign`` a plus; NaN is absent."""
    if value != value:
        return Cell(ABSENT, look="missing")
    return Cell(f"{value:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}"), value)


MISSING = Cell("missing", look="missing")
