"""Every method of a table beside DMD on the same test patients, and DMD beside itself: from scores to statistics."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from dmd.planning.plan import Row
from dmd.report.naming import params_text
from dmd.report.paired import compare, noise_floor
from dmd.report.scores import Scores
from dmd.report.statistics import LEVEL, holm, verdict
from dmd.report.variance import detectable
from dmd.testing.evaluation import POST_PROCESSING

REFERENCE = "dmd"
FLOOR = "noise floor"
COLUMNS = (
    *("dataset", "labelled", "method", "params", "label", "post_processing", "metric", "runs", "reference_runs"),
    *("patients", "left_out", "difference", "error", "degrees", "low", "high", "p", "p_runs"),
    *("p_holm", "p_runs_holm", "detectable", "verdict"),
)
FAMILY = ["post_processing", "metric"]  # over which Holm corrects


def apart(comparison: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the lines of methods against DMD, and those of DMD against itself."""
    is_floor = comparison["verdict"].eq(FLOOR)
    return comparison[~is_floor], comparison[is_floor]


def compare_rows(scores: Scores) -> pd.DataFrame:
    """Compare every row of a table with DMD on the same data set and budget, and DMD with itself.

    The first row of the method ``dmd`` on a data set with a budget is what the others there are compared with. Rows
    without one are left out; runs that stand in several rows are compared once, and none with itself.

    Returns
    -------
    DataFrame
        One line per row (its index), post-processing and metric, with `COLUMNS`: runs (averaged first; 0 of a guest)
        of both, then what `dmd.report.paired.Comparison` has (method minus DMD), p_holm and p_runs_holm (over the
        comparisons of one metric and post-processing in this table), detectable (the smallest true difference that the
        strictest of Holm's levels would find with power 0.8) and verdict (``better``, ``worse``, ``undecided``, ``too
        few``: of the method against DMD, by every p that there is). At the end, for each DMD with several runs that is
        compared with, its lines with the verdict ``noise floor`` (`dmd.report.paired.Floor`): ``difference`` is the
        typical one, ``low`` and ``high`` are minus and plus the reach.

    Raises
    ------
    InputError
        Two cases of one name belong to different patients.
    """
    rows = scores.artefact.rows
    wanted = list(itertools.product(POST_PROCESSING, scores.artefact.form.columns))
    lines, references = [], dict.fromkeys(reference for _, reference in pairs(rows))
    for number, reference in pairs(rows):
        for name, score in wanted:
            found = compare(*(scores.patients(name, place, score) for place in (number, reference)))
            lines.append(_named(number, rows[number], name, score, rows[reference]) | asdict(found))
    for number in (number for number in references if len(rows[number].runs) > 1):
        for name, score in wanted:
            floor = noise_floor(scores.patients(name, number, score))
            line = _named(number, rows[number], name, score, rows[number])
            line |= {"patients": floor.patients, "left_out": floor.left_out, "difference": floor.typical}
            lines.append(line | {"low": -floor.reach, "high": floor.reach, "verdict": FLOOR})
    frame = pd.DataFrame(lines, columns=["row", *COLUMNS]).set_index("row")
    return _decided(frame)


def _named(number: int, row: Row, post_processing: str, score: str, reference: Row) -> dict[str, Any]:
    named = {name: getattr(row, name) for name in ("method", "label", "dataset", "labelled")}
    named |= {"row": number, "params": params_text(row), "post_processing": post_processing, "metric": score}
    return named | {"runs": len(row.runs), "reference_runs": len(reference.runs)}


def _decided(frame: pd.DataFrame) -> pd.DataFrame:
    """Correct p for the number of comparisons, and say what can be found and what was."""
    for name in ("p", "p_runs"):
        frame[f"{name}_holm"] = frame.groupby(FAMILY)[name].transform(holm)
    level = LEVEL / frame.groupby(FAMILY)["p"].transform("count").clip(lower=1)
    frame["detectable"] = list(map(detectable, frame["error"], frame["degrees"], level))
    deciding = frame[["p_holm", "p_runs_holm"]].max(axis=1)
    said = list(map(verdict, frame["metric"], frame["difference"], deciding))
    frame["verdict"] = frame["verdict"].where(frame["verdict"] == FLOOR, said)
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
        if reference is not None and row.results and row.results not in compared:
            compared.add(row.results)
            yield number, reference
