"""Tables as CSV for programs, Markdown for people and LaTeX for papers."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning.artefacts import Table
from dmd.planning.describe import read_artefact
from dmd.planning.plan import Artefact
from dmd.report.comparison import compare_table
from dmd.report.description import empty_predictions, setting
from dmd.report.scores import collect, column, selections, settings
from dmd.report.verdict import say_order

HEADINGS = {
    "dice": "Dice (%)",
    "jaccard": "Jaccard (%)",
    "hd95_voxel": "HD95 (voxel)",
    "asd_voxel": "ASD (voxel)",
    "hd95_mm": "HD95 (mm)",
    "asd_mm": "ASD (mm)",
}
FACTS = {
    "data": "Data",
    "labelled": "Labelled",
    "unlabelled": "Unlabelled",
    "seeds": "Seeds",
    "empty_predictions": "Empty",
}
GROUPS = {"none": "No post-processing", "largest_component": "Largest component"}
ROUNDED = ("difference", "low", "high")
MARK = ", LC"  # of the second group, where headings cannot stand above headings
NOTE = (
    "{shared}Mean ± standard deviation over seeds where there are several. Weights tested: {selections}. LC: only the "
    "largest connected component of each class kept; all else is without post-processing. Labelled and unlabelled: "
    "patients learnt from. A voxel is one of the data trained on. Empty: predictions without a voxel, over all seeds; "
    "{empty}."
)
RECONSTRUCTED = " * Reconstruction: neither code nor all settings of this row are published (docs/deviations.md)."
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        **{sign: f"${sign}$" for sign in "<>"},
        **{sign: "\\" + sign for sign in "&%$#_{}"},
    }
)


def write_table(description: Path, runs: Path, output: Path) -> None:
    """Make a table from the runs behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.planning.plan.Artefact`.
    runs : Path
        Folder that holds the run folders.
    output : Path
        The CSV to write; ``.md``, ``.tex`` and ``.comparison.csv`` (`dmd.report.comparison.compare_table`) are written
        beside it.

    Raises
    ------
    InputError
        The description is none, or a run behind the table is missing or incomplete.
    """
    if output.suffix != ".csv":
        raise InputError(f"expected a file name that ends in .csv for the table, found {output}")
    artefact = read_artefact(description, Table)
    frame = collect(artefact, runs)
    comparison = compare_table(artefact, runs)
    order = say_order(frame, comparison)
    facts = [name for name in FACTS if frame[name].nunique() > 1]
    caption, note = _caption(artefact, frame, settings(artefact, runs), selections(artefact, runs))
    cells = _cells(frame, facts, artefact.form.columns)
    words = 1 + ("data" in facts)
    write_text(output, _csv(frame.round(4)))
    write_text(output.with_suffix(".comparison.csv"), _csv(comparison.round(dict.fromkeys(ROUNDED, 4))))
    write_text(output.with_suffix(".md"), _markdown(caption, cells, words, [order, note]))
    write_text(output.with_suffix(".tex"), _latex(caption, cells, words, len(artefact.form.columns), [order, note]))


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n")


def _caption(artefact: Artefact, frame: pd.DataFrame, trained: list[str], selected: list[str]) -> tuple[str, str]:
    """Return what stands above and below a table; a setting that is not the paper's comes first."""
    same = [f"{FACTS[name].lower()} {frame[name].iloc[0]}" for name in FACTS if frame[name].nunique() == 1]
    note = NOTE.format(
        shared=f"In every row: {', '.join(same)}. " if same else "",
        selections="; ".join(selected),
        empty=empty_predictions(artefact),
    )
    reconstructed = any(row.reconstructed for row in artefact.rows)
    return f"{setting(artefact, trained)} {artefact.form.caption}", note + (RECONSTRUCTED if reconstructed else "")


def _cells(frame: pd.DataFrame, facts: list[str], columns: tuple[str, ...]) -> list[list[str]]:
    """Return the heading and the lines as text: method, what differs between rows, then the two groups of scores."""
    heading = ["Method", *(FACTS[name] for name in facts)]
    heading += [f"{HEADINGS[score]} [paper]" for score in columns]
    heading += [HEADINGS[score] + MARK for score in columns]
    return [heading, *(_line(line, facts, columns) for line in frame.to_dict("records"))]


def _line(line: dict[str, Any], facts: list[str], columns: tuple[str, ...]) -> list[str]:
    name = f"{line['label']}*" if line["reconstructed"] else line["label"]
    cells = [f"{name} ({line['params']})" if line["params"] else name]
    cells += [str(line[name]) for name in facts]
    for score in columns:
        published = line[f"{score}_paper"]
        cells.append(_score(line, score) + ("" if math.isnan(published) else f" [{_number(published)}]"))
    return cells + [_score(line, column(score, "largest_component")) for score in columns]


def _score(line: dict[str, Any], name: str) -> str:
    return _number(line[f"{name}_mean"], line[f"{name}_sd"])


def _number(mean: float, deviation: float = math.nan) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.2f}" if math.isnan(deviation) else f"{mean:.2f} ± {deviation:.2f}"


def _markdown(caption: str, cells: list[list[str]], words: int, below: list[str]) -> str:
    heading, *body = ("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in cells)
    rule = "| " + " | ".join([":--"] * words + ["--:"] * (len(cells[0]) - words)) + " |"
    return "\n".join([caption, "", heading, rule, *body, "", "\n\n".join(below), ""])


def _latex(caption: str, cells: list[list[str]], words: int, scores: int, below: list[str]) -> str:
    names = [name.removesuffix(MARK) for name in cells[0]]
    heading, *body = (
        "    " + " & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in [names, *cells[1:]]
    )
    width = len(names)
    facts = width - 2 * scores
    groups = " & ".join(rf"\multicolumn{{{scores}}}{{c}}{{{name}}}" for name in GROUPS.values())
    rules = rf"\cmidrule(lr){{{facts + 1}-{width - scores}}} \cmidrule(lr){{{width - scores + 1}-{width}}}"
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,graphicx}.",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption.translate(LATEX)}}}",
            r"  \resizebox{\textwidth}{!}{%",
            rf"  \begin{{tabular}}{{{'l' * words}{'r' * (width - words)}}}",
            r"    \toprule",
            f"    {'& ' * facts}{groups} " + r"\\",
            f"    {rules}",
            heading,
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}}",
            *(rf"  \par\smallskip\raggedright\footnotesize {text.translate(LATEX)}" for text in below),
            r"\end{table}",
            "",
        ]
    )
