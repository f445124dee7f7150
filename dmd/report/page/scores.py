"""The numbers of a table or curve beside the paper's, as far as its runs are evaluated."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dmd.planning.plan import Artefact, Row
from dmd.report.description import empty_predictions
from dmd.report.page.naming import anchor, digests, point_name, row_name
from dmd.report.page.table import MISSING, Cell, Column, Table, number
from dmd.report.scores import collect, column, selections
from dmd.report.statistics import HIGHER_IS_BETTER
from dmd.report.tables import HEADINGS, RECONSTRUCTED
from dmd.runs.folder import RunFolder

NOTE = (
    "Mean ± standard deviation over seeds where there are several. Diff.: ours minus the paper's; ▲ better, ▼ worse "
    "than the paper. Patients learnt from: labelled + unlabelled. Weights tested: {selections}. No post-processing. A "
    "voxel is one of the data trained on. Empty: predictions without a voxel, over all seeds; {empty}."
)
COMPONENT = "largest_component"
COMPONENT_NOTE = "Only the largest connected component of each class is kept. Change: against the same without."


def evaluated(artefact: Artefact, runs: Path) -> Artefact:
    """Return an artefact with the rows and runs that are evaluated."""
    kept = (replace(row, runs=_evaluated(row, runs)) for row in artefact.rows)
    return replace(artefact, rows=tuple(row for row in kept if row.runs))


def _evaluated(row: Row, runs: Path) -> tuple[str, ...]:
    return tuple(run for run in row.runs if RunFolder(runs / run).cases.exists())


def score_table(artefact: Artefact, runs: Path) -> Table | None:
    """Return the scores of every row, "missing" where none of its runs is evaluated; None where none of any row is.

    Raises
    ------
    InputError
        As `dmd.report.scores.collect`.
    """
    done = evaluated(artefact, runs)
    if not done.rows:
        return None
    lines = iter(collect(done, runs).to_dict("records"))
    rows = [_row(artefact, row, next(lines) if _evaluated(row, runs) else None) for row in artefact.rows]
    caption = f"Scale {artefact.scale}. {artefact.form.caption}"
    note = NOTE.format(selections="; ".join(selections(done, runs)), empty=empty_predictions(artefact))
    note += RECONSTRUCTED if any(row.reconstructed for row in artefact.rows) else ""
    return Table(f"{anchor(artefact)}-scores", caption, tuple(_columns(artefact)), tuple(rows), note)


def component_table(artefact: Artefact, runs: Path) -> Table | None:
    """Return the scores of the evaluated rows with the largest component only; None where there is no such row.

    Raises
    ------
    InputError
        As `dmd.report.scores.collect`.
    """
    done = evaluated(artefact, runs)
    if not done.rows:
        return None
    columns = [Column("Method", words=True), Column("Labelled")]
    columns += [Column(name, HEADINGS[score]) for score in artefact.form.columns for name in ("ours", "change")]
    lines = collect(done, runs).to_dict("records")
    rows = [_component_row(row, artefact.form.columns, line) for row, line in zip(done.rows, lines, strict=True)]
    return Table(f"{anchor(artefact)}-component", COMPONENT_NOTE, tuple(columns), tuple(rows))


def _component_row(row: Row, scores: tuple[str, ...], line: dict[str, Any]) -> tuple[Cell, ...]:
    cells = [Cell(row_name(row)), number(row.labelled, 0)]
    for score in scores:
        name = column(score, COMPONENT)
        change = line[f"{name}_mean"] - line[f"{score}_mean"]
        cells += [_spread(line[f"{name}_mean"], line[f"{name}_sd"]), difference(change, score)]
    return tuple(cells)


def _columns(artefact: Artefact) -> Iterable[Column]:
    yield Column("Point" if artefact.form.kind == "curve" else "Method", words=True)
    yield Column("Patients")
    for score in artefact.form.columns:
        yield from (Column(name, HEADINGS[score]) for name in ("ours", "paper", "diff."))
    yield from (Column("Seeds"), Column("Empty"), Column("Runs", words=True))


def _row(artefact: Artefact, row: Row, line: dict[str, Any] | None) -> tuple[Cell, ...]:
    name = point_name(row) if artefact.form.kind == "curve" else row_name(row)
    cells = [Cell(name), Cell(f"{row.labelled} + {row.unlabelled}", row.labelled)]
    for score in artefact.form.columns:
        paper = row.paper.get(score, float("nan"))
        if line:
            mean = line[f"{score}_mean"]
            cells += [_spread(mean, line[f"{score}_sd"]), number(paper), difference(mean - paper, score)]
        else:
            cells += [MISSING, number(paper), number(float("nan"))]
    done, wanted = line["seeds"] if line else 0, len(row.runs)
    cells.append(Cell(str(wanted) if done == wanted else f"{done} of {wanted}", done))
    cells.append(number(line["empty_predictions"], 0) if line else MISSING)
    return (*cells, Cell("", links=digests(row.runs)))


def _spread(mean: float, deviation: float) -> Cell:
    cell = number(mean)
    return cell if deviation != deviation else replace(cell, text=f"{cell.text} ± {deviation:.2f}")


def difference(value: float, score: str) -> Cell:
    """Return a signed difference that says by a colour and a mark whether it is for the better.

    >>> difference(1.234, "dice").text, difference(1.234, "hd95_voxel").text, difference(-0.001, "dice").text
    ('+1.23 ▲', '+1.23 ▼', '0.00')
    """
    cell = number(value, sign="+")
    if cell.value is None:
        return cell
    if round(value, 2) == 0:
        return replace(cell, text="0.00")
    better = (value > 0) == (score in HIGHER_IS_BETTER)
    return replace(cell, text=f"{cell.text} {'▲' if better else '▼'}", look="better" if better else "worse")
