"""Every method of a table beside DMD on the same test patients: from scores to paired statistics."""

from collections.abc import Iterator
from dataclasses import asdict

import pandas as pd

from dmd.planning.plan import Row
from dmd.report.naming import params_text
from dmd.report.scores import Scores
from dmd.report.statistics import compare, holm, verdict
from dmd.testing.evaluation import POST_PROCESSING

REFERENCE = "dmd"
COLUMNS = (
    *("dataset", "labelled", "method", "params", "label", "post_processing", "metric", "seeds"),
    *("patients", "left_out", "difference", "low", "high", "p", "p_holm", "verdict"),
)


def compare_rows(scores: Scores) -> pd.DataFrame:
    """Compare every row of a table with DMD on the same data set and budget.

    The first row of the method ``dmd`` on a data set with a budget is what the others there are compared with. Rows
    without one are left out; runs that stand in several rows are compared once, and none with itself.

    Returns
    -------
    DataFrame
        One line per row (its index), post-processing and metric, with `COLUMNS`: seeds (averaged first), patients,
        left_out, difference (method minus DMD), low, high, p (`dmd.report.statistics.Comparison`), p_holm (over the
        comparisons of one metric and post-processing in this table) and verdict (``better``, ``worse``, ``undecided``,
        ``too few``: of the method against DMD).

    Raises
    ------
    InputError
        Two cases of one name belong to different patients.
    """
    patients, lines = scores.by_patient(), []
    for number, reference in pairs(scores.artefact.rows):
        row = scores.artefact.rows[number]
        named = {name: getattr(row, name) for name in ("method", "label", "dataset", "labelled")}
        named |= {"row": number, "params": params_text(row), "seeds": len(row.runs)}
        for name in POST_PROCESSING:
            for score in scores.artefact.form.columns:
                found = compare(*(patients[score].xs((name, place)) for place in (number, reference)))
                lines.append(named | {"post_processing": name, "metric": score} | asdict(found))
    frame = pd.DataFrame(lines, columns=["row", *COLUMNS[:-2]]).set_index("row")
    frame["p_holm"] = frame.groupby(["post_processing", "metric"])["p"].transform(holm)
    frame["verdict"] = list(map(verdict, frame["metric"], frame["difference"], frame["p_holm"]))
    return frame


def pairs(rows: tuple[Row, ...]) -> Iterator[tuple[int, int]]:
    """Yield the index of each row that has runs to compare and that of the row of DMD it is compared with."""
    references: dict[tuple[str, int], int] = {}
    for number, row in enumerate(rows):
        if row.method == REFERENCE and row.runs:
            references.setdefault((row.dataset, row.labelled), number)
    compared = {rows[number].runs for number in references.values()}
    for number, row in enumerate(rows):
        reference = references.get((row.dataset, row.labelled))
        if reference is not None and row.runs and row.runs not in compared:
            compared.add(row.runs)
            yield number, reference
