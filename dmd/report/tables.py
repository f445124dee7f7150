"""Tables as CSV for programs, Markdown for people and LaTeX for papers."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.files import write_text
from dmd.plan import Artefact
from dmd.report.collect import collect, selections, settings
from dmd.report.description import read_description, setting

HEADINGS = {
    "dice": "Dice (%)",
    "jaccard": "Jaccard (%)",
    "hd95_voxel": "HD95 (voxel)",
    "asd_voxel": "ASD (voxel)",
    "hd95_mm": "HD95 (mm)",
    "asd_mm": "ASD (mm)",
}
NOTE = (
    "Mean ± standard deviation over seeds where there are several. Weights tested: {selections}. No post-processing. "
    "Labelled and unlabelled: patients learnt from. A voxel is one of the data trained on. Empty: predictions without "
    "a voxel, over all seeds; they count with no distance."
)
RECONSTRUCTED = " * Reconstruction: neither code nor all settings of this row are published (docs/deviations.md)."
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        **{sign: "\\" + sign for sign in "&%$#_{}"},
    }
)


def write_table(description: Path, runs: Path, output: Path) -> None:
    """Make a table from the runs behind it.

    Parameters
    ----------
    description : Path
        JSON of a `dmd.plan.Artefact`.
    runs : Path
        Folder that holds the run folders.
    output : Path
        The CSV to write; the same name with ``.md`` and ``.tex`` is written beside it.

    Raises
    ------
    InputError
        The description is none, or a run behind the table is missing or incomplete.
    """
    if output.suffix != ".csv":
        raise InputError(f"expected a file name that ends in .csv for the table, found {output}")
    artefact = read_description(description, "table")
    frame = collect(artefact, runs)
    cells = _cells(frame, artefact.columns)
    caption = _caption(artefact, settings(artefact, runs), selections(artefact, runs))
    write_text(output, frame.round(4).to_csv(index=False, lineterminator="\n"))
    write_text(output.with_suffix(".md"), _markdown(caption, cells))
    write_text(output.with_suffix(".tex"), _latex(caption, cells))


def _caption(artefact: Artefact, trained: list[str], selected: list[str]) -> tuple[str, str]:
    """Return what stands above and below a table; a setting that is not the paper's comes first."""
    reconstructed = any(row.reconstructed for row in artefact.rows)
    note = NOTE.format(selections="; ".join(selected)) + (RECONSTRUCTED if reconstructed else "")
    return f"{setting(artefact, trained)} {artefact.caption}", note


def _cells(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[list[str]]:
    """Return the heading and the lines as text; the first two columns are words, the others numbers."""
    heading = ["Method", "Data", "Labelled", "Unlabelled", "Seeds", "Empty"]
    heading += [name for score in columns for name in (HEADINGS[score], "paper")]
    return [heading, *(_line(line, columns) for line in frame.to_dict("records"))]


def _line(line: dict[str, Any], columns: tuple[str, ...]) -> list[str]:
    name = f"{line['label']}*" if line["reconstructed"] else line["label"]
    cells = [f"{name} ({line['params']})" if line["params"] else name]
    cells += [str(line[name]) for name in ("data", "labelled", "unlabelled", "seeds", "empty_predictions")]
    for score in columns:
        cells.append(_number(line[f"{score}_mean"], line[f"{score}_sd"]))
        cells.append(_number(line[f"{score}_paper"]))
    return cells


def _number(mean: float, deviation: float = math.nan) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.2f}" if math.isnan(deviation) else f"{mean:.2f} ± {deviation:.2f}"


def _markdown(caption: tuple[str, str], cells: list[list[str]]) -> str:
    heading, *body = ("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in cells)
    rule = "| " + " | ".join([":--", ":--", *["--:"] * (len(cells[0]) - 2)]) + " |"
    return "\n".join([caption[0], "", heading, rule, *body, "", caption[1], ""])


def _latex(caption: tuple[str, str], cells: list[list[str]]) -> str:
    heading, *body = ("    " + " & ".join(cell.translate(LATEX) for cell in line) + r" \\" for line in cells)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs}.",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{' '.join(caption).translate(LATEX)}}}",
            rf"  \begin{{tabular}}{{ll{'r' * (len(cells[0]) - 2)}}}",
            r"    \toprule",
            heading,
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )
