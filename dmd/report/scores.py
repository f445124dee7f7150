"""The test scores behind an artefact: each run's cases.csv is read once into one frame; all numbers are views of it."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.planning.identity import Spec, plain
from dmd.planning.plan import Artefact, Row
from dmd.report.cost import cost
from dmd.report.empty import treat_empty
from dmd.report.naming import params_text
from dmd.report.oracle import oracle_gap
from dmd.report.statistics import average, per_patient
from dmd.runs.folder import RunFolder
from dmd.runs.outcomes import MEASURED, OUTCOMES, outcome
from dmd.runs.vouching import read_record, require_own
from dmd.testing.evaluation import COLUMNS, COUNTS, DIAGONALS, POST_PROCESSING, SCORES

PLAIN = "post_processing == 'none'"
PERCENT = ["dice", "jaccard"]  # fractions in cases.csv
VOXEL = ["hd95_voxel", "asd_voxel"]  # those in millimetres may be unknown


@dataclass(frozen=True)
class Tested:
    """The settings of a run, its test scores, and what else is known of it: its ``run.json`` and ``oracle_gap``.

    The columns of ``cases.csv``, Dice and Jaccard in percent, and ``outcome`` (`dmd.runs.outcomes`).
    """

    spec: Spec
    lines: pd.DataFrame
    facts: dict[str, Any]


Reader = Callable[[str], Tested]


def reader(runs: Path) -> Reader:
    """Return a function from the name of a run to its scores that reads each file once, however often it is asked."""
    return cache(lambda name: read_run(RunFolder(runs / name)))


def read_run(run: RunFolder) -> Tested:
    """Read the test scores of one run.

    Raises
    ------
    InputError
        ``cases.csv`` is missing, cannot be read, does not hold every class of every case once per post-processing,
        lacks a score, or is not the run's own.
    """
    require_own(run, run.cases)
    spec, lines = run.read_spec(), _read(run.cases)
    classes = range(1, spec.training["classes"])
    found = Counter(zip(lines["case"], lines["class"], lines["post_processing"], strict=True))
    expected = Counter(itertools.product(lines["case"].unique(), classes, POST_PROCESSING))
    if found != expected or not found:
        faults = sorted((expected - found) + (found - expected)) or "no case at all"
        raise InputError(
            f"{run.cases}: expected each case with each of the classes {list(classes)} once for each post-processing, "
            f"found otherwise: {faults}; delete the file and evaluate the run again"
        )
    lines["outcome"] = list(map(outcome, lines["predicted_voxels"], lines["reference_voxels"]))
    lacking = lines[PERCENT].isna().any(axis=1) | (lines[VOXEL].isna().any(axis=1) & (lines["outcome"] == MEASURED))
    if lacking.any():
        names = ", ".join(lines["case"][lacking].unique()[:5])
        raise InputError(
            f"{run.cases}: expected every score of every case, found gaps for {names}; delete the file and evaluate "
            "the run again"
        )
    lines[PERCENT] *= 100
    facts = read_record(run, run.facts) if run.facts.exists() else {}
    return Tested(spec, treat_empty(lines, "no_distance"), facts | {"oracle_gap": oracle_gap(run, spec.training)})


def _read(path: Path) -> pd.DataFrame:
    text = dict.fromkeys(("case", "patient", "post_processing"), str)
    numbers = {"class": int} | dict.fromkeys(SCORES + DIAGONALS, float) | dict.fromkeys(COUNTS, int)
    missing = {name: [""] for name in SCORES + DIAGONALS}  # and nowhere else: a case may be called "NA"
    types, wanted = text | numbers, list(COLUMNS)
    try:
        return pd.read_csv(path, usecols=wanted, dtype=types, keep_default_na=False, na_values=missing)
    except FileNotFoundError:
        raise InputError(f"expected the test scores of a run at {path}, found no file; evaluate the run") from None
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"expected the test scores of a run at {path}: {error}; delete it and evaluate the run again"
        ) from None


@dataclass(frozen=True)
class Scores:
    """The test scores of the runs of an artefact.

    Attributes
    ----------
    artefact : Artefact
        Whose rows are meant; one without runs has no lines.
    specs : dict
        Settings of each run.
    facts : dict
        What else is known of each run, as in `Tested`.
    lines : DataFrame
        One line per row of the artefact, run, case, class and post-processing: ``row`` (its index), ``run`` and the
        columns of `Tested`, where empty masks count as the artefact says.
    """

    artefact: Artefact[Any]
    specs: dict[str, Spec]
    facts: dict[str, dict[str, Any]]
    lines: pd.DataFrame

    def by_patient(self) -> pd.DataFrame:
        """Return those of each patient, by post_processing, row, replicate and patient (`per_patient`).

        Replicates of a row are its runs, counted as there; of several draws of labelled patients they are the draws,
        each averaged over its runs, which share what the draw does to them.
        """
        replicates = {
            pair: of for number, row in enumerate(self.artefact.rows) for pair, of in self._replicates(number, row)
        }
        pairs = zip(self.lines["row"], self.lines["run"], strict=True)
        lines = self.lines.assign(replicate=[replicates[pair] for pair in pairs])
        return per_patient(lines, ["post_processing", "row", "replicate"])

    def _replicates(self, number: int, row: Row) -> Iterator[tuple[tuple[int, str], int]]:
        draws = [self.specs[run].training.get("draw", 0) for run in row.runs]
        counted = draws if len(set(draws)) > 1 else range(len(draws))
        return zip(((number, run) for run in row.runs), counted, strict=True)

    def by_case(self) -> pd.DataFrame:
        """Return those of each case in each run, by row, run and case: the mean over classes, no post-processing."""
        return self.lines.query(PLAIN).groupby(["row", "run", "case"], sort=False)[list(SCORES)].mean(skipna=False)

    def summary(self) -> pd.DataFrame:
        """Return the numbers of a table, one line per row that has runs, by its index.

        Columns are method, label, reconstructed, dataset (as planned), labelled and unlabelled (patients learnt from),
        params, data (what stood for the data set at this scale), selection, seeds and draws (how many of each), cases,
        measured, missed, false_alarms and rightly_empty (`dmd.runs.outcomes`: classes in cases, summed over runs),
        empty (what the last three count as), for each score s of the artefact s_mean, s_sd (over runs, n - 1; NaN for
        one) and s_paper (NaN where there is none), without the paper s_largest_component_mean and
        s_largest_component_sd, oracle_gap (mean over runs,
        `dmd.report.oracle`), the cost (`dmd.report.cost.cost`), and runs.
        """
        runs = average(self.lines, ["post_processing", "row", "run"])
        seeds = runs.groupby(level=["post_processing", "row"])
        statistics = {"mean": seeds.mean(skipna=False), "sd": seeds.std(skipna=False)}
        numbers = self.lines["row"].unique()
        return pd.DataFrame([self._line(number, statistics) for number in numbers], index=numbers)

    def _line(self, number: int, statistics: dict[str, pd.DataFrame]) -> dict[str, Any]:
        row, lines = self.artefact.rows[number], self.lines.query(f"{PLAIN} and row == {number}")
        training = self.specs[row.runs[0]].training
        apart = ("params", "runs", "paper", "published")
        line = {name: value for name, value in vars(row).items() if name not in apart}
        line |= {"params": params_text(row), "data": training["dataset"]["name"], "selection": training["selection"]}
        axes = [self.specs[run].training for run in row.runs]
        line |= {"seeds": len({axis["seed"] for axis in axes}), "draws": len({axis.get("draw", 0) for axis in axes})}
        line |= {"cases": lines["case"].nunique()}
        line |= {name: int((lines["outcome"] == name).sum()) for name in OUTCOMES} | {"empty": self.artefact.form.empty}
        for name, score in itertools.product(POST_PROCESSING, self.artefact.form.columns):
            line |= {f"{column(score, name)}_{what}": of.at[(name, number), score] for what, of in statistics.items()}
            line |= {f"{score}_paper": row.paper.get(score, float("nan"))} if name == "none" else {}
        known = [self.facts[run] for run in row.runs]
        line |= {"oracle_gap": fmean(of["oracle_gap"] for of in known)} | cost(known)
        return line | {"runs": " ".join(row.runs)}


def read(artefact: Artefact[Any], load: Reader) -> Scores:
    """Read the scores of an artefact that has at least one run.

    Raises
    ------
    InputError
        As `read_run`; the runs of a row differ in more than seed and draw, or two runs on one data set were tested on
        different cases.
    """
    tested = {run: load(run) for run in artefact.runs}
    first: dict[str, str] = {}
    for row in artefact.rows:
        _require_one_setting(row, tested)
        for run in row.runs:
            known = first.setdefault(row.dataset, run)
            require_same_cases(run, tested[run], known, tested[known])
    treated = {run: treat_empty(of.lines, artefact.form.empty) for run, of in tested.items()}
    rows = [(number, run) for number, row in enumerate(artefact.rows) for run in row.runs]
    lines = pd.concat([treated[run].assign(row=number, run=run) for number, run in rows], ignore_index=True)
    specs, facts = {run: of.spec for run, of in tested.items()}, {run: of.facts for run, of in tested.items()}
    return Scores(artefact, specs, facts, lines)


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


def _require_one_setting(row: Row, tested: dict[str, Tested]) -> None:
    """Require that the runs of a row differ in seed or draw and in nothing else."""
    specs = [tested[run].spec for run in row.runs]
    axes = [{name: spec.training.get(name) for name in ("seed", "draw")} for spec in specs]
    for run, spec, axis in zip(row.runs, specs, axes, strict=True):
        first = replace(spec, training=plain(spec.training | axes[0]))
        if first != specs[0] or axes.count(axis) > 1:
            raise InputError(
                "expected the runs of one row to differ in seed or draw and nothing else, found "
                f"'{row.runs[0]}' and '{run}'; have the description of the table made again"
            )
