"""What a table of the page is: a frame of texts whose neighbouring columns may share a heading."""

import re
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from dmd.report.tables import ABSENT, Cells

NUMBER = re.compile(r"[+\N{MINUS SIGN}]?\d")
NUMBERS = re.compile(r"[-+\N{MINUS SIGN}\d.,±▲▼\[\] ]+")
MARKS = {"better": "▲", "worse": "▼"}


@dataclass(frozen=True)
class Grid:
    """A table whose first column names its rows.

    Columns named Run and Runs hold ids, each of which leads to its run.
    """

    id: str
    caption: str
    cells: Cells
    note: str = ""

    @property
    def frame(self) -> pd.DataFrame:
        """The table."""
        return pd.DataFrame(self.cells)

    @property
    def groups(self) -> list[tuple[str, list[str]]]:
        """Neighbouring headings by the one that they share; those that share none stand alone."""
        found = groupby(enumerate(self.cells), lambda pair: (pair[1][0], None if pair[1][0] else pair[0]))
        return [(group, [heading for _, (_, heading) in columns]) for (group, _), columns in found]

    @property
    def words(self) -> list[bool]:
        """Which columns hold no numbers, and stand to the left."""
        return [not any(map(NUMBER.match, texts)) for texts in self.cells.values()]


def look(text: str) -> str:
    """Return how a cell looks: ``absent``, ``better``, ``worse`` or like any other."""
    if text == ABSENT:
        return "absent"
    return next((word for word, mark in MARKS.items() if mark in text or text.startswith(f"{word} (")), "")


def unbroken(text: str) -> str:
    """Return numbers such that a narrow column breaks them before a bracket or a spread; words as they are.

    >>> [unbroken(text).replace(chr(160), "_") for text in ("+5.05 [+2.95, +6.65]", "7 ± 1 ▲", "12 words")]
    ['+5.05 [+2.95,_+6.65]', '7 ±_1_▲', '12 words']
    """
    return re.sub(r" (?![\[±])", "\N{NO-BREAK SPACE}", text) if NUMBERS.fullmatch(text) else text


def number(value: float, digits: int = 2, sign: str = "") -> str:
    """Return a number with a true minus sign, and with "+" for ``sign`` a plus; NaN is absent."""
    return ABSENT if pd.isna(value) else f"{value:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}")
