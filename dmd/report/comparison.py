"""Every method of a table beside DMD on the same test patients: from the files of runs to paired statistics."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from dmd.planning.plan import Artefact, Row
from dmd.report.scores import params_text, read_scores
from dmd.report.statistics import compare, holm, per_patient, verdict
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import POST_PROCESSING

REFERENCE = "dmd"
ROW = ("dataset", "labelled", "method", "params")  # what tells the rows of a table apart
COLUMNS = (
    *ROW,
    *("label", "post_processing", "metric", "seeds", "patients", "left_out"),
    *("difference", "low", "high", "p", "p_holm", "verdict"),
)


def compare_table(artefact: Artefact, runs: Path) -> pd.DataFrame:
    """Compare every row of a table with DMD on the same data set and budget.

    Parameters
    ----------
    artefact : Artefact
        A table. The first row of the method ``dmd`` on a data set with a budget is what the others there are compared
        with; rows without one are left out.
    runs : Path
        Folder that holds the run folders.

    Returns
    -------
    DataFrame
        One line per row, post-processing and metric: dataset, labelled, method, params, label, post_processing, metric,
        seeds (averaged first), patients, left_out, difference (method minus DMD), low, high, p
        (`dmd.report.statistics.Comparison`), p_holm (over the comparisons of one metric and post-processing in this
        table) and verdict (``better``, ``worse``, ``undecided``, ``too few``: of the method against DMD).

    Raises
    ------
    InputError
        A run has no complete ``cases.csv``, or two runs were tested on different patients.
    """
    lines = []
    for row, reference in _pairs(artefact):
        for name in POST_PROCESSING:
            ours, theirs = (_scores(entry, artefact, runs, name) for entry in (row, reference))
            for score in artefact.form.columns:
                found = compare(ours[score], theirs[score])
                lines.append(_identity(row) | {"post_processing": name, "metric": score} | asdict(found))
    frame = pd.DataFrame(lines, columns=[name for name in COLUMNS if name not in ("p_holm", "verdict")])
    frame["p_holm"] = frame.groupby(["post_processing", "metric"])["p"].transform(holm)
    frame["verdict"] = list(map(verdict, frame["metric"], frame["difference"], frame["p_holm"]))
    return frame[list(COLUMNS)]


def _pairs(artefact: Artefact) -> Iterator[tuple[Row, Row]]:
    references: dict[tuple[str, int], Row] = {}
    for row in artefact.rows:
        if row.method == REFERENCE:
            references.setdefault((row.dataset, row.labelled), row)
    for row in artefact.rows:
        reference = references.get((row.dataset, row.labelled), row)
        if reference is not row:
            yield row, reference


def _scores(row: Row, artefact: Artefact, runs: Path, post_processing: str) -> pd.DataFrame:
    seeds = [read_scores(RunFolder(runs / run), post_processing, artefact.form.empty) for run in row.runs]
    return per_patient(seeds, artefact.form.columns)


def _identity(row: Row) -> dict[str, str | int]:
    texts = {"method": row.method, "params": params_text(row), "label": row.label}
    return texts | {"dataset": row.dataset, "labelled": row.labelled, "seeds": len(row.runs)}
