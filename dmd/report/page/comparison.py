"""The paired comparison of a table's evaluated rows with DMD: a row per method, a group of columns per score."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.planning.plan import Artefact
from dmd.report.comparison import ROW, compare_table
from dmd.report.page.naming import anchor
from dmd.report.page.scores import evaluated
from dmd.report.page.table import MISSING, Cell, Column, Table, number
from dmd.report.scores import collect
from dmd.report.tables import HEADINGS
from dmd.report.verdict import say_order

CAPTIONS = {
    "none": "Method minus DMD on the same test patients, without post-processing.",
    "largest_component": "Method minus DMD on the same test patients, the largest component of each class only.",
}
NOTE = (
    "Diff.: Hodges-Lehmann estimate, in brackets its 95 % bootstrap interval over patients. p: Wilcoxon signed-rank "
    "test, Holm-corrected over the methods that are evaluated. Verdict: of the method against DMD; left out: patients "
    "without a distance. docs/statistics.md says what is computed."
)
SHORT = 0.001


@dataclass(frozen=True)
class Comparison:
    """What is said of a table's order in sentences, and the numbers behind by post-processing; none without a pair."""

    order: str
    tables: dict[str, Table]


def comparison(artefact: Artefact, runs: Path) -> Comparison | None:
    """Compare the evaluated rows of a table with DMD; None where there is no row.

    Raises
    ------
    InputError
        As `dmd.report.comparison.compare_table`.
    """
    done = evaluated(artefact, runs)
    if not done.rows:
        return None
    pairs = compare_table(done, runs)
    tables = {name: _table(artefact, name, lines) for name, lines in pairs.groupby("post_processing", sort=False)}
    return Comparison(say_order(collect(done, runs), pairs), tables)


def _table(artefact: Artefact, post_processing: str, pairs: pd.DataFrame) -> Table:
    columns = (Column("Method", words=True), Column("Labelled"), *_columns(artefact.form.columns))
    rows = tuple(_row(lines, artefact.form.columns) for _, lines in pairs.groupby(list(ROW), sort=False))
    return Table(f"{anchor(artefact)}-comparison-{post_processing}", CAPTIONS[post_processing], columns, rows, NOTE)


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
