"""The test scores behind an artefact: each run's cases.csv is read once into one frame; all numbers are views of it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from dmd.errors import InputError
from dmd.planning.identity import Spec, plain
from dmd.planning.plan import Artefact, Row
from dmd.report.cost import cost
from dmd.report.empty import treat_empty
from dmd.report.naming import params_text
from dmd.report.statistics import average, per_patient
from dmd.report.tested import ReadOnce, Tested
from dmd.runs.outcomes import OUTCOMES
from dmd.testing.evaluation import POST_PROCESSING, SCORES

PLAIN = "post_processing == 'none'"


@dataclass(frozen=True)
class Scores:
    """The test scores of the runs of an artefact.

    Attributes
    ----------
    artefact : Artefact
        Whose rows are meant; one without runs has no lines.
    specs : dict
        Settings of each run; a guest has none.
    data : dict
        On which data set each run and guest was tested.
    facts : dict
        What else is known of each run, as in `Tested`.
    lines : DataFrame
        One line per row of the artefact, run or guest, case, class and post-processing: ``row`` (its index), ``run``
        and the columns of `Tested`, where empty masks count as the artefact says.
    """

    artefact: Artefact[Any]
    specs: dict[str, Spec]
    data: dict[str, str]
    facts: dict[str, dict[str, Any]]
    lines: pd.DataFrame

    def patients(self, post_processing: str, row: int, score: str) -> pd.DataFrame:
        """Return a score of the table for a row: a line per patient (`per_patient`), a column per replicate.

        Replicates of a row are its runs, counted as there; of several draws of labelled patients they are the draws,
        each averaged over its runs, which share what the draw does to them.
        """
        return self._by_patient[post_processing, row, score]

    @cached_property
    def _by_patient(self) -> dict[Any, pd.DataFrame]:
        """What `patients` returns, by what it is asked for."""
        replicates = {
            pair: of for number, row in enumerate(self.artefact.rows) for pair, of in self._replicates(number, row)
        }
        pairs = zip(self.lines["row"], self.lines["run"], strict=True)
        lines = self.lines.assign(replicate=[replicates[pair] for pair in pairs])
        means = per_patient(lines, ["post_processing", "row", "replicate"])
        groups = means.groupby(level=["post_processing", "row"], sort=False)
        return {
            (*name, score): of[score].droplevel([0, 1]).unstack("replicate")
            for name, of in groups
            for score in self.artefact.form.columns
        }

    def _replicates(self, number: int, row: Row) -> Iterator[tuple[tuple[int, str], int]]:
        draws = [self.specs[run].training.get("draw", 0) for run in row.runs]
        counted = draws if len(set(draws)) > 1 else range(len(row.results))
        return zip(((number, name) for name in row.results), counted, strict=True)

    def by_case(self) -> pd.DataFrame:
        """Return those of each case in each run, by row, run and case: the mean over classes, no post-processing."""
        return self.lines.query(PLAIN).groupby(["row", "run", "case"], sort=False)[list(SCORES)].mean(skipna=False)

    def summary(self) -> pd.DataFrame:
        """Return the numbers of a table, one line per row that has runs or a guest, by its index.

        Columns are method, label, reconstructed, dataset (as planned), labelled and unlabelled (patients learnt from),
        params, data (what stood for the data set at this scale), selection, seeds and draws (how many of each), cases,
        measured, missed, false_alarms and rightly_empty (`dmd.runs.outcomes`: classes in cases, summed over runs),
        empty (what the last three count as), for each score s of the artefact s_mean, s_sd (over runs, n - 1; NaN for
        one) and s_paper (NaN where there is none), without the paper s_largest_component_mean and
        s_largest_component_sd, oracle_gap (mean over runs, `dmd.report.oracle`), the cost (`dmd.report.cost.cost`), and
        runs. Of a guest unlabelled, selection, seeds, draws and cost are unknown, and runs is its id.
        """
        runs = average(self.lines, ["post_processing", "row", "run"])
        seeds = runs.groupby(level=["post_processing", "row"])
        statistics = {"mean": seeds.mean(skipna=False), "sd": seeds.std(skipna=False)}
        by_row = self.lines.query(PLAIN).groupby("row", sort=False)
        lines = pd.DataFrame(
            [self._line(number, of, statistics) for number, of in by_row], index=self.lines["row"].unique()
        )
        return lines.astype(dict.fromkeys(("unlabelled", "seeds", "draws"), "Int64"))

    def _line(self, number: Any, lines: pd.DataFrame, statistics: dict[str, pd.DataFrame]) -> dict[str, Any]:
        row = self.artefact.rows[number]
        apart = ("params", "runs", "paper", "published", "guest")
        line = {name: value for name, value in vars(row).items() if name not in apart}
        line |= {"params": params_text(row), "data": self.data[row.results[0]]}
        axes = [self.specs[run].training for run in row.runs]
        line |= {"selection": axes[0]["selection"] if axes else None}
        line |= {"seeds": len({axis["seed"] for axis in axes}) or None}
        line |= {"draws": len({axis.get("draw", 0) for axis in axes}) or None}
        line |= {"cases": lines["case"].nunique()}
        line |= {name: int((lines["outcome"] == name).sum()) for name in OUTCOMES} | {"empty": self.artefact.form.empty}
        for name, score in itertools.product(POST_PROCESSING, self.artefact.form.columns):
            line |= {f"{column(score, name)}_{what}": of.at[(name, number), score] for what, of in statistics.items()}
            line |= {f"{score}_paper": row.paper.get(score, float("nan"))} if name == "none" else {}
        known = [self.facts[run] for run in row.runs]
        gap = fmean(of["oracle_gap"] for of in known) if known else float("nan")
        return line | {"oracle_gap": gap} | cost(known) | {"runs": " ".join(row.results)}


def read(artefact: Artefact[Any], load: ReadOnce) -> Scores:
    """Read the scores of an artefact that has at least one run or guest.

    Raises
    ------
    InputError
        As `read_runs`; the runs of a row differ in more than seed and draw, or two runs on one data set were tested on
        different cases.
    """
    tested = load(name for row in artefact.rows for name in row.results)
    specs = {run: of.spec for run, of in tested.items() if of.spec}
    first: dict[str, str] = {}
    for row in artefact.rows:
        _require_one_setting(row, specs)
        for run in row.results:
            known = first.setdefault(row.dataset, run)
            require_same_cases(run, tested[run], known, tested[known])
    rows = [(number, name) for number, row in enumerate(artefact.rows) for name in row.results]
    lines = pd.concat([tested[name].lines for _, name in rows], ignore_index=True)
    sizes = [len(tested[name].lines) for _, name in rows]
    for what, of in zip(("row", "run"), zip(*rows, strict=True), strict=True):
        lines[what] = np.repeat(of, sizes)
    lines = treat_empty(lines, artefact.form.empty)
    data, facts = {name: of.data for name, of in tested.items()}, {name: of.facts for name, of in tested.items()}
    return Scores(artefact, specs, data, facts, lines)


def require_same_cases(run: str, tested: Tested, other: str, expected: Tested) -> None:
    """Require that two runs were tested on the same cases.

    Raises
    ------
    InputError
        Names the cases that only one of them has.
    """
    here, there = set(tested.lines["case"]), set(expected.lines["case"])
    if here != there:
        raise InputError(
            f"{run}/cases.csv: expected the {len(there)} test cases of run '{other}', found {len(here)}; "
            f"only one of the two has {sorted(here ^ there)[:5]}; delete the file and evaluate the run again"
        )


def column(score: str, post_processing: str) -> str:
    """Name the columns of a score in a table: those without post-processing have the score's own name."""
    return score if post_processing == "none" else f"{score}_{post_processing}"


def _require_one_setting(row: Row, settings: dict[str, Spec]) -> None:
    """Require that the runs of a row differ in seed or draw and in nothing else."""
    specs = [settings[run] for run in row.runs]
    axes = [{name: spec.training.get(name) for name in ("seed", "draw")} for spec in specs]
    for run, spec, axis in zip(row.runs, specs, axes, strict=True):
        first = replace(spec, training=plain(spec.training | axes[0]))
        if first != specs[0] or axes.count(axis) > 1:
            raise InputError(
                "expected the runs of one row to differ in seed or draw and nothing else, found "
                f"'{row.runs[0]}' and '{run}'; have the description of the table made again"
            )
