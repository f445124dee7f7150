"""From the test cases of runs to the numbers that tables print; what a file lacks is never guessed."""

import dataclasses
import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.planning.artefacts import Empty
from dmd.planning.identity import canonical
from dmd.planning.plan import Artefact, Row
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import COLUMNS, COUNTS, DIAGONALS, POST_PROCESSING, SCORES
from dmd.testing.metrics import Scores, treat_empty

PERCENT = ("dice", "jaccard")  # fractions in cases.csv


@dataclass(frozen=True)
class Summary:
    """Test scores of one run.

    Attributes
    ----------
    scores : dict
        Dice and Jaccard in percent, distances in the unit of their name; NaN where a class has none.
    classes : dict
        The same before the mean over classes: ``{(class, score): value}``.
    cases : frozenset
        Names of the test cases.
    empty_predictions : int
        How many pairs of case and class were predicted as nothing.
    """

    scores: dict[str, float]
    classes: dict[tuple[int, str], float]
    cases: frozenset[str]
    empty_predictions: int


def read_scores(run: RunFolder, post_processing: str = "none", empty: Empty = "no_distance") -> pd.DataFrame:
    """Return the test scores of one run: a line per case and foreground class.

    Parameters
    ----------
    run : RunFolder
        An evaluated run.
    post_processing : str
        A name in `dmd.testing.evaluation.POST_PROCESSING`.
    empty : str
        What empty predictions count as (`dmd.testing.metrics.treat_empty`).

    Returns
    -------
    DataFrame
        Columns of ``cases.csv``, Dice and Jaccard in percent.

    Raises
    ------
    InputError
        ``cases.csv`` is missing, cannot be read, does not hold every class of every case once, or lacks the size of
        the volumes that ``empty`` needs.
    """
    lines = _read(run.cases)
    lines = lines[lines["post_processing"] == post_processing].reset_index(drop=True)
    _require_complete(run, lines, range(1, run.read_spec().training["classes"]), post_processing)
    lines = _treated(run, lines, empty)
    lines[list(PERCENT)] *= 100
    return lines


def summarise(run: RunFolder, post_processing: str = "none", empty: Empty = "no_distance") -> Summary:
    r"""Average the test cases of one run.

    .. math:: s = \frac{1}{C - 1} \sum_{c=1}^{C-1} \frac{1}{|V_c|} \sum_{v \in V_c} s_{vc}

    First over cases, then over the C - 1 foreground classes (HiLab-git/SSL4MIS:code/test_2D_fully.py for
    ACDC; LA has one class). :math:`V_c` are the cases in which the score exists: an empty prediction has Dice
    0 and no distance, unless ``empty`` says otherwise.

    Raises
    ------
    InputError
        See `read_scores`.
    """
    lines = read_scores(run, post_processing, empty)
    by_class = lines.groupby("class")[list(SCORES)].mean()
    scores = by_class.mean(skipna=False)
    return Summary(
        scores.to_dict(), by_class.stack().to_dict(), frozenset(lines["case"]), int(lines["empty_prediction"].sum())
    )


def collect(artefact: Artefact, runs: Path) -> pd.DataFrame:
    """Return the numbers of a table, one line per row of the artefact.

    Columns are method, label, reconstructed, params, dataset (as planned), data (what stood for it at this scale),
    labelled and unlabelled (patients learnt from), selection, seeds, cases, empty_predictions (sum over seeds), empty
    (what they count as), for each score s of the artefact s_mean, s_sd (n - 1; NaN for one seed) and s_paper (NaN where
    the paper gives none), the same without the paper as s_largest_component_mean and s_largest_component_sd, and runs.

    Raises
    ------
    InputError
        A run has no complete ``cases.csv``, the runs of a row differ in more than the seed, or two runs on
        one data set were tested on different cases.
    """
    tested: dict[str, tuple[RunFolder, Summary]] = {}
    return pd.DataFrame([_line(row, artefact, runs, tested) for row in artefact.rows])


def settings(artefact: Artefact, runs: Path) -> list[str]:
    """Say on what data, patch and number of iterations the runs were trained, each setting once."""
    return list(dict.fromkeys(_setting(RunFolder(runs / run).read_spec().training) for run in artefact.runs))


def selections(artefact: Artefact, runs: Path) -> list[str]:
    """Say which weights were tested on each data, each rule once."""
    return list(dict.fromkeys(_selection(RunFolder(runs / run).read_spec().training) for run in artefact.runs))


def column(score: str, post_processing: str) -> str:
    """Name the columns of a score in a table: those without post-processing have the score's own name."""
    return score if post_processing == "none" else f"{score}_{post_processing}"


def params_text(row: Row) -> str:
    """Return what a row of a table sets itself, as ``temperature=2 divergence=kl``."""
    return " ".join(f"{name}={canonical(value)}" for name, value in row.params.items()).replace('"', "")


def _line(row: Row, artefact: Artefact, runs: Path, tested: dict[str, tuple[RunFolder, Summary]]) -> dict[str, Any]:
    folders = [RunFolder(runs / run) for run in row.runs]
    training = _shared_spec(folders)
    empty = artefact.form.empty
    summaries = {name: [summarise(folder, name, empty) for folder in folders] for name in POST_PROCESSING}
    for folder, summary in zip(folders, summaries["none"], strict=True):
        require_same_cases(folder, summary, *tested.setdefault(row.dataset, (folder, summary)))
    line = {
        "method": row.method,
        "label": row.label,
        "reconstructed": row.reconstructed,
        "params": params_text(row),
        "dataset": row.dataset,
        "data": training["dataset"]["name"],
        "labelled": row.labelled,
        "unlabelled": row.unlabelled,
        "selection": training["selection"],
        "seeds": len(folders),
        "cases": len(summaries["none"][0].cases),
        "empty_predictions": sum(summary.empty_predictions for summary in summaries["none"]),
        "empty": empty,
    }
    for name, score in itertools.product(POST_PROCESSING, artefact.form.columns):
        values = pd.Series([summary.scores[score] for summary in summaries[name]])
        line[f"{column(score, name)}_mean"] = values.mean(skipna=False)
        line[f"{column(score, name)}_sd"] = values.std(skipna=False)
        if name == "none":
            line[f"{score}_paper"] = row.paper.get(score, float("nan"))
    return line | {"runs": " ".join(row.runs)}


def _shared_spec(folders: list[RunFolder]) -> dict[str, Any]:
    """Return the settings of runs that differ in nothing but the seed."""
    specs = [folder.read_spec().training for folder in folders]
    seeds = [training.pop("seed") for training in specs]
    for folder, training, seed in zip(folders, specs, seeds, strict=True):
        if training != specs[0] or seeds.count(seed) > 1:
            raise InputError(
                "expected the runs of one row to differ in the seed and nothing else, found "
                f"'{folders[0].id}' and '{folder.id}'; have the description of the table made again"
            )
    return specs[0]


def _read(path: Path) -> pd.DataFrame:
    text = dict.fromkeys(("case", "patient", "post_processing"), str)
    numbers = {"class": int} | dict.fromkeys(SCORES + DIAGONALS, float) | dict.fromkeys(COUNTS, int)
    missing_value = {name: [""] for name in SCORES + DIAGONALS}  # and nowhere else: a case may be called "NA"
    try:
        lines = pd.read_csv(path, dtype=text | numbers, keep_default_na=False, na_values=missing_value)
        absent = [name for name in COLUMNS if name not in lines.columns and name not in DIAGONALS]
        if absent:
            raise ValueError(f"it has no column {', '.join(absent)}")
        return lines
    except FileNotFoundError:
        raise InputError(f"expected the test scores of a run at {path}, found no file; evaluate the run") from None
    except ValueError as error:
        raise InputError(
            f"expected the test scores of a run at {path}: {error}; delete it and evaluate the run again"
        ) from None


def _require_complete(run: RunFolder, lines: pd.DataFrame, classes: range, post_processing: str) -> None:
    found = Counter(zip(lines["case"], lines["class"], strict=True))
    expected = Counter(itertools.product(lines["case"].unique(), classes))
    if found != expected or not found:
        faults = sorted((expected - found) + (found - expected)) or "no case at all"
        raise InputError(
            f"{run.cases}: expected each case with each of the classes {list(classes)} once with post-processing "
            f"'{post_processing}', found otherwise: {faults}; delete the file and evaluate the run again"
        )


def _treated(run: RunFolder, lines: pd.DataFrame, how: Empty) -> pd.DataFrame:
    """Return the lines with the scores of empty predictions replaced by what a convention gives them."""
    if how == "no_distance":
        return lines
    # Runs evaluated before volumes were measured need not be evaluated again for the tables that do not ask.
    if not set(DIAGONALS) <= set(lines.columns):
        raise InputError(
            f"{run.cases}: expected the diagonals of the volumes ({', '.join(DIAGONALS)}) for `empty: {how}`, found no "
            "such columns; delete the file and evaluate the run again"
        )
    names = [field.name for field in dataclasses.fields(Scores)]
    for index in lines.index[lines["empty_prediction"] == 1]:
        line = lines.loc[index]
        treated = treat_empty(Scores(**line[names]), how, tuple(line[list(DIAGONALS)]))
        lines.loc[index, list(SCORES)] = [getattr(treated, name) for name in SCORES]
    return lines


def require_same_cases(run: RunFolder, summary: Summary, first: RunFolder, expected: Summary) -> None:
    """Require that two runs were tested on the same cases.

    Raises
    ------
    InputError
        Names the cases that only one of them has.
    """
    if summary.cases != expected.cases:
        raise InputError(
            f"{run.cases}: expected the {len(expected.cases)} test cases of run '{first.id}', found "
            f"{len(summary.cases)}; only one of the two has {sorted(summary.cases ^ expected.cases)[:5]}; "
            "delete the file and evaluate the run again"
        )


def _setting(training: dict[str, Any]) -> str:
    data, factors = training["dataset"]["name"], training["dataset"]["downsample"]
    if any(factor != 1 for factor in factors):
        data += f" downsampled by {_times(factors)}"
    iterations = f"{training['iterations']} of {training['reference_iterations']} iterations"
    return f"{data}, patch {_times(training['patch'])}, {iterations}"


def _selection(training: dict[str, Any]) -> str:
    if training["selection"] == "last":
        return f"{training['dataset']['name']}: last iteration"
    patients = {"validation": "the validation patients", "oracle": "the TEST patients (oracle)"}[training["selection"]]
    every = f"looked at every {training['validate_every']} iterations"
    return f"{training['dataset']['name']}: best mean Dice on {patients}, {every}"


def _times(sizes: list[int]) -> str:
    return "x".join(str(size) for size in sizes)
