"""Tables as CSV for programs, Markdown for people and LaTeX for papers."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning.artefacts import Table
from dmd.planning.describe import read_artefact
from dmd.planning.guests import MARK
from dmd.planning.plan import Row
from dmd.report.comparison import compare_rows
from dmd.report.cost import devices
from dmd.report.naming import COUNTED, HEADINGS, caption, row_name, selections, setting_name
from dmd.report.published import elsewhere
from dmd.report.ranking import claims, rank_rows
from dmd.report.scores import Scores, column, read
from dmd.report.tested import ReadOnce
from dmd.report.verdict import say_verdict
from dmd.runs.outcomes import EMPTY

FACTS = {name: name.capitalize() for name in ("data", "labelled", "unlabelled", "seeds", "draws")}
FACTS |= {name: name.replace("_", " ").capitalize() for name in EMPTY}
USUAL = {"draws": 1} | dict.fromkeys(EMPTY, 0)  # goes without saying
ABSENT = "\N{EN DASH}"
COMPONENT = "largest_component"
LABELLED = "Labelled and unlabelled: patients learnt from."
MASKS = (
    "Missed: something is there, nothing predicted; false alarms: the reverse; rightly empty: neither; over all runs."
)
GUESTS = f"{MARK.capitalize()}: masks made elsewhere, measured as those of the runs; how they were made is not known."
COMPONENT_NOTE = "LC: only the largest connected component of each class is kept."
ORACLE = "Oracle gap: what choosing weights on the test patients adds to the mean Dice of their masks."
Cells = dict[tuple[str, str], list[str]]  # columns by a heading that neighbours share, "" for none, and their own
ROUNDED = dict.fromkeys(("difference", "error", "low", "high", "detectable"), 4)
ROUNDED |= {"degrees": 1, "p_runs": 6, "p_runs_holm": 6}
MARKDOWN = re.compile(r"([\\`*_\[\]<>|$~#&])")
LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {sign: f"${sign}$" for sign in "<>|"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
)


@dataclass(frozen=True)
class Made:
    """What a table was made from, for whoever draws it: its scores, their comparison and their ranks."""

    scores: Scores
    comparison: pd.DataFrame
    ranks: pd.DataFrame


def write_table(description: Path, runs: Path, output: Path) -> Made:
    """Make a table from the runs behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.planning.plan.Artefact`.
    runs : Path
        Folder that holds the run folders.
    output : Path
        The CSV to write. Beside it are written ``.md``, ``.tex``, ``.comparison.csv``
        (`dmd.report.comparison.compare_rows`), ``.ranks.csv`` and ``.claims.csv`` (`dmd.report.ranking`).

    Raises
    ------
    InputError
        The description is none, or a run behind the table is missing or incomplete.
    """
    if output.suffix != ".csv":
        raise InputError(f"expected a file name that ends in .csv for the table, found {output}")
    artefact = read_artefact(description, Table)
    scores = read(artefact, ReadOnce(runs))
    summary, made = scores.summary(), Made(scores, compare_rows(scores), rank_rows(scores))
    said, cells = caption(artefact, scores.specs), _cells(scores, summary)
    known = [name for name, heading in FACTS.items() if ("", heading) not in cells and summary[name].notna().any()]
    shared_by = {name: summary[name].dropna().iloc[0] for name in known}
    same = [f"{FACTS[name]} {value}" for name, value in shared_by.items() if value != USUAL.get(name)]
    rows = "In every row trained here" if any(row.guest for row in artefact.rows) else "In every row"
    shared = [f"{rows}: {', '.join(same).lower()}."] if same else []
    verdict, below = say_verdict(scores, made.comparison), [*shared, *notes(scores, summary), LABELLED, COMPONENT_NOTE]
    write_text(output, csv(summary.round(4)))
    write_text(output.with_suffix(".comparison.csv"), csv(made.comparison.round(ROUNDED)))
    write_text(output.with_suffix(".ranks.csv"), csv(made.ranks.round(4)))
    write_text(output.with_suffix(".claims.csv"), csv(claims(scores).round(4)))
    write_text(output.with_suffix(".md"), _markdown(said, cells, verdict, below))
    write_text(output.with_suffix(".tex"), _latex(said, cells, verdict, below))
    return made


def csv(frame: pd.DataFrame, digits: str | None = None) -> str:
    """Return a frame as the text of a CSV file, numbers as ``digits`` (such as ``%.6g``) says."""
    return frame.to_csv(index=False, lineterminator="\n", float_format=digits)


def notes(scores: Scores, summary: pd.DataFrame) -> list[str]:
    """Return what a reader must know of the scores of an artefact besides its caption, in short sentences."""
    form, rows, axes, mixed = scores.artefact.form, scores.artefact.rows, _axes(summary), _mixed(scores)
    reconstructed = "* Reconstruction: neither code nor all settings are published (docs/deviations.md)."
    said = {
        f"Spread: the standard deviation over {axes}.": bool(axes),
        f"Weights tested: {'; '.join(selections(scores.specs))}.": True,
        "A voxel is one of the data trained on.": any("voxel" in score for score in form.columns),
        ORACLE: bool(summary["oracle_gap"].notna().any()),
        f"{MASKS} {COUNTED[form.empty]}": summary[list(EMPTY)].any(axis=None),
        reconstructed: any(row.reconstructed for row in rows),
        GUESTS: any(row.guest for row in rows),
        f"Trained on different machines, which round differently: {mixed}.": bool(mixed),
    }
    named = elsewhere(rows, form.columns) if isinstance(form, Table) and form.elsewhere else []
    return [*(sentence for sentence, is_due in said.items() if is_due), *named]


def _mixed(scores: Scores) -> str:
    """Name the rows whose runs are not all of one machine, with the machines."""
    found = [(row, devices([scores.facts[run] for run in row.runs])) for row in scores.artefact.rows]
    return ", ".join(f"{setting_name(row)} ({'; '.join(names)})" for row, names in found if len(names) > 1)


def _axes(summary: pd.DataFrame) -> str:
    """Say what the runs of rows differ in: seeds, draws of the labelled patients, or both."""
    return " and ".join(axis for axis in ("seeds", "draws") if summary[axis].fillna(0).max() > 1)


def score_cells(rows: Sequence[Row], lines: pd.DataFrame, score: str) -> Cells:
    """Return the columns of a score: ours, the paper's in brackets where it has any, and of the largest component.

    ``lines`` are those of `dmd.report.scores.Scores.summary`.
    """
    brackets = [f" [{row.paper[score]:.2f}]" if score in row.paper else "" for row in rows]
    ours = [text + bracket for text, bracket in zip(_spreads(lines, score), brackets, strict=True)]
    heading = "ours [paper]" if any(brackets) else "ours"
    return {(HEADINGS[score], heading): ours, (HEADINGS[score], "LC"): _spreads(lines, column(score, COMPONENT))}


def _spreads(lines: pd.DataFrame, name: str) -> list[str]:
    return list(map(_spread, lines[f"{name}_mean"], lines[f"{name}_sd"]))


def _spread(mean: float, deviation: float) -> str:
    if pd.isna(mean):
        return ABSENT
    return f"{mean:.2f}" if pd.isna(deviation) else f"{mean:.2f} ± {deviation:.2f}"


def _cells(scores: Scores, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the text of a table: method, what differs between rows, and the scores; columns (group, heading)."""
    rows = scores.artefact.rows
    cells: Cells = {("", "Method"): list(map(row_name, rows))}
    differing = [name for name in FACTS if summary[name].nunique() > 1]
    cells |= {("", FACTS[name]): [ABSENT if pd.isna(of) else str(of) for of in summary[name]] for name in differing}
    for score in scores.artefact.form.columns:
        cells |= score_cells(rows, summary, score)
    if summary["oracle_gap"].notna().any():
        cells["Dice (%)", "oracle gap"] = [_spread(gap, math.nan) for gap in summary["oracle_gap"]]
    return pd.DataFrame(cells)


def _markdown(said: str, cells: pd.DataFrame, verdict: list[str], below: list[str]) -> str:
    places = zip(*map(cells.columns.get_level_values, (0, 1)), strict=True)
    names = [f"{group}, {name}".replace(", ours", "") if group else name for group, name in places]
    flat = cells.set_axis(names, axis=1)
    for name in {"Method", FACTS["data"]}.intersection(flat):  # the others are ours
        flat[name] = flat[name].map(_escaped)
    aligned = ["left", *["right"] * (flat.shape[1] - 1)]
    grid = flat.to_markdown(index=False, colalign=aligned, disable_numparse=True)
    first, *more = map(_escaped, verdict)
    listed = "\n".join(f"- {_escaped(note)}" for note in below)
    return "\n\n".join([_escaped(said), grid, " ".join([f"**{first}**", *more]), listed]) + "\n"


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return MARKDOWN.sub(r"\\\1", text)


def _latex_text(text: str) -> str:
    r"""Return text that LaTeX shows as it is, also after ``\\``, to which a star or a bracket would belong."""
    return ("{}" if text.startswith(("*", "[")) else "") + text.translate(LATEX)


def _latex(said: str, cells: pd.DataFrame, verdict: list[str], below: list[str]) -> str:
    names = pd.MultiIndex.from_tuples(
        [tuple(part.translate(LATEX) for part in place) for place in cells.columns.tolist()]
    )
    texts = cells.map(_latex_text).set_axis(names, axis=1)
    aligned = "l" + "r" * (cells.shape[1] - 1)
    caption = said.translate(LATEX)
    text = texts.to_latex(index=False, escape=False, column_format=aligned, multicolumn_format="c", caption=caption)
    notes = [rf"\par\smallskip\raggedright\footnotesize {' '.join(of).translate(LATEX)}" for of in (verdict, below)]
    text = text.replace(r"\begin{tabular}", "\\resizebox{\\textwidth}{!}{%\n\\begin{tabular}")
    text = text.replace(r"\end{tabular}", "\n".join([r"\end{tabular}}", *notes]))
    return f"% Needs \\usepackage{{booktabs,graphicx}}.\n{text}"
