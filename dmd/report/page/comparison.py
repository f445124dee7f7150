"""The paired comparison of a table's methods, as it was written beside the table."""

import csv
from pathlib import Path

from dmd.plan import Artefact
from dmd.report.page.naming import anchor
from dmd.report.page.table import Cell, Column, Table, number

CAPTION = "Differences over the same test cases, as in {name}."


def comparison(artefact: Artefact, results: Path) -> Table | None:
    """Return ``<table>.comparison.csv`` with all its columns; None where it is not made yet."""
    path = results / f"{artefact.name}.comparison.csv"
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = [tuple(_cell(value) for value in line.values()) for line in reader]
    columns = [
        Column(name.replace("_", " "), words=not _all_numbers(rows, place))
        for place, name in enumerate(reader.fieldnames or ())
    ]
    return Table(f"{anchor(artefact)}-comparison", CAPTION.format(name=path.name), tuple(columns), tuple(rows))


def _all_numbers(rows: list[tuple[Cell, ...]], place: int) -> bool:
    return all(row[place].value is not None or row[place].look == "missing" for row in rows)


def _cell(text: str) -> Cell:
    try:
        return number(float(text or "nan"), 0 if text.isdecimal() else 3)
    except ValueError:
        return Cell(text)
