"""The tables of the page about scores: beside the paper's, and against DMD."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from dmd.planning.plan import Artefact
from dmd.report.comparison import FLOOR
from dmd.report.naming import HEADINGS, anchor, is_published, params_text, row_name
from dmd.report.page.table import MARKS, Grid, number
from dmd.report.scores import Scores
from dmd.report.statistics import HIGHER_IS_BETTER
from dmd.report.tables import COMPONENT_NOTE, FACTS, Cells, notes, score_cells
from dmd.runs.outcomes import EMPTY

DIFFERENCE = "Diff.: ours minus the paper's; ▲ better, ▼ worse than the paper."
COMPARED = "Method minus DMD on the same test patients; post-processing: {}."
COMPARED_NOTE = (
    "Diff.: Hodges-Lehmann estimate and its 95 % interval over patients and, of a method that has several, runs. "
    "Verdict: of the method against DMD. p: the larger of the signed-rank test's over patients and the t test's over "
    "runs and patients, each Holm-corrected. Against itself: the typical difference of two runs of DMD, and the noise "
    "floor in brackets. Left out: patients without a distance. See docs/statistics.md."
)


def score_table(wanted: Artefact[Any], scores: Scores, summary: pd.DataFrame) -> Grid:
    """Return the scores of the rows that have an evaluated run; ``wanted`` has all the runs they are to have."""
    rows = [wanted.rows[number] for number in summary.index]
    is_curve, published = wanted.form.kind == "curve", is_published(wanted)
    cells: Cells = {("", "Point" if is_curve else "Method"): list(map(params_text if is_curve else row_name, rows))}
    cells["", "Patients"] = [f"{row.labelled} + {'?' if row.guest else row.unlabelled}" for row in rows]
    for score in wanted.form.columns:
        ours, component = score_cells(rows, summary, score).items()
        cells |= dict([ours])
        paper = pd.Series([row.paper.get(score) for row in rows], summary.index, dtype=float)
        if paper.notna().any():
            cells[HEADINGS[score], "diff."] = [difference(of, score) for of in summary[f"{score}_mean"] - paper]
        cells |= dict([component])
    evaluated = [len(names.split()) for names in summary["runs"]]
    if evaluated != [len(row.results) for row in rows]:
        cells["", "Evaluated"] = [f"{done} of {len(row.results)}" for done, row in zip(evaluated, rows, strict=True)]
    for name in (name for name in EMPTY if summary[name].any()):
        cells["", FACTS[name]] = list(map(str, summary[name]))
    cells["", "Runs"] = [" ".join(row.runs) for row in rows]
    said = " ".join([*[DIFFERENCE] * published, *notes(scores, summary), COMPONENT_NOTE])
    return Grid(f"{anchor(wanted)}-scores", wanted.form.caption, cells, said)


def comparison_tables(scores: Scores, comparison: pd.DataFrame) -> list[Grid]:
    """Return the comparison of the evaluated rows with DMD: a table per post-processing; none without a pair."""
    tables = []
    for name, lines in comparison.groupby("post_processing", sort=False):
        rows = [scores.artefact.rows[number] for number in lines.index.unique()]
        itself = [lines.loc[[number], "verdict"].eq(FLOOR).all() for number in lines.index.unique()]
        names = zip(map(row_name, rows), itself, strict=True)
        cells: Cells = {("", "Method"): [f"{name} against itself" if is_floor else name for name, is_floor in names]}
        cells["", "Labelled"] = [str(row.labelled) for row in rows]
        for score, compared in lines.groupby("metric", sort=False):
            found = compared.to_dict("records")
            cells[HEADINGS[str(score)], "diff."] = list(map(_estimate, found))
            cells[HEADINGS[str(score)], "verdict (p)"] = list(map(_verdict, found))
        caption, place = COMPARED.format(str(name).replace("_", " ")), f"{anchor(scores.artefact)}-comparison-{name}"
        tables.append(Grid(place, caption, cells, COMPARED_NOTE))
    return tables


def _estimate(line: dict[Hashable, Any]) -> str:
    low, middle, high = (number(line[name], sign="+") for name in ("low", "difference", "high"))
    middle = middle.removeprefix("+") if line["verdict"] == FLOOR else middle
    return middle if pd.isna(line["low"]) else f"{middle} [{low}, {high}]"


def _verdict(line: dict[Hashable, Any]) -> str:
    p = pd.Series([line["p_holm"], line["p_runs_holm"]]).max()
    details: list[str] = [] if pd.isna(p) else ["<\N{NO-BREAK SPACE}0.001" if p < 0.001 else f"{p:.3f}"]
    details += [f"{line['left_out']}\N{NO-BREAK SPACE}left\N{NO-BREAK SPACE}out"] if line["left_out"] else []
    return f"{line['verdict']} ({', '.join(details)})" if details else str(line["verdict"])


def difference(value: float, score: str) -> str:
    """Return a signed difference with a mark that says whether it is for the better.

    >>> difference(1.234, "dice"), difference(1.234, "hd95_voxel"), difference(-0.001, "dice")
    ('+1.23 ▲', '+1.23 ▼', '0.00')
    """
    if pd.isna(value) or round(value, 2) == 0:
        return number(abs(round(value, 2)))
    better = (value > 0) == (score in HIGHER_IS_BETTER)
    return f"{number(value, sign='+')} {MARKS['better' if better else 'worse']}"
