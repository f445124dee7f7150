"""The paired comparison with DMD that was written beside a table: a row per method, a group of columns per score."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.plan import Artefact
from dmd.report.comparison import COLUMNS, ROW
from dmd.report.ordering import say_order
from dmd.report.page.naming import anchor
from dmd.report.page.table import MISSING, Cell, Column, Table, number
from dmd.report.tables import HEADINGS

CAPTION = "Method minus DMD on the same test patients, without post-processing."
NOTE = (
    "Diff.: Hodges-Lehmann estimate, in brackets its 95 % bootstrap interval over patients. p: Wilcoxon signed-rank "
    "test, Holm-corrected over the methods. Verdict: of the method against DMD; left out: patients without a "
    "distance. {name} has the largest component too; docs/statistics.md says what is computed."
)
SHORT = 0.001


@dataclass(frozen=True)
class Comparison:
    """What is said of a table's order in sentences, and the numbers behind."""

    order: str
    table: Table


def read_comparison(artefact: Artefact, results: Path) -> Comparison | None:
    """Return what stands in ``<table>.comparison.csv``; None where it, or the table, is not made yet.

    Raises
    ------
    InputError
        One of the files lacks a column.
    """
    table, pairs = (results / f"{artefact.name}{ending}" for ending in (".csv", ".comparison.csv"))
    if not table.exists() or not pairs.exists():
        return None
    frames = [pd.read_csv(path, dtype={"params": str}).fillna({"params": ""}) for path in (table, pairs)]
    absent = [name for name in COLUMNS if name not in frames[1]]
    if absent:
        raise InputError(f"expected the columns {', '.join(absent)} in {pairs}, found none; delete it, make it again")
    plain = frames[1][frames[1]["post_processing"] == "none"]
    columns = (Column("Method", words=True), Column("Labelled"), *_columns(artefact.columns))
    rows = tuple(_row(lines, artefact.columns) for _, lines in plain.groupby(list(ROW), sort=False))
    made = Table(f"{anchor(artefact)}-comparison", CAPTION, columns, rows, NOTE.format(name=pairs.name))
    return Comparison(say_order(*frames), made)


def _columns(scores: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(
        column
        for score in scores
        for column in (Column("diff.", HEADINGS[score]), Column("verdict (p)", HEADINGS[score], words=True))
    )


def _row(lines: pd.DataFrame, scores: tuple[str, ...]) -> tuple[Cell, ...]:
    first = lines.iloc[0]
    name = f"{first['label']} ({first['params']})" if first["params"] else first["label"]
    cells = [Cell(name), number(first["labelled"], 0)]
    found = {line["metric"]: line for line in lines.to_dict("records")}
    for score in scores:
        cells += _pair(found[score]) if score in found else [MISSING] * 2
    return tuple(cells)


def _pair(line: dict[str, Any]) -> list[Cell]:
    low, middle, high = (number(line[name], sign="+") for name in ("low", "difference", "high"))
    difference = middle if low.value is None else Cell(f"{middle.text} [{low.text}, {high.text}]", middle.value)
    look = line["verdict"] if line["verdict"] in ("better", "worse") else ""
    details = [] if pd.isna(line["p_holm"]) else ["< 0.001" if line["p_holm"] < SHORT else f"{line['p_holm']:.3f}"]
    details += [f"{line['left_out']} left out"] if line["left_out"] else []
    said = f"{line['verdict']} ({', '.join(details)})" if details else line["verdict"]
    return [difference, Cell(said, None if pd.isna(line["p_holm"]) else line["p_holm"], look)]
