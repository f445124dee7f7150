"""Ranks of the methods of a table and how stable they are, and how likely a claim "A beats B" is false."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dmd.planning.plan import Row
from dmd.report.naming import params_text
from dmd.report.scores import Scores
from dmd.report.statistics import HIGHER_IS_BETTER
from dmd.report.variance import run_effects
from dmd.testing.evaluation import POST_PROCESSING

RESAMPLES = 1999
MOST_PAIRED = 100  # rows of which every two are compared: their pairs grow as the square
PERCENTILES = (0.025, 0.975)
GROUP = ("dataset", "labelled", "post_processing", "metric", "patients", "left_out")
RANKS = (*GROUP, "method", "params", "label", "runs", "mean", "rank", "low", "high", "first", "tau")
CLAIMS = (*GROUP, "winner", "winner_params", "loser", "loser_params", "difference", "p_false")


@dataclass(frozen=True)
class Field:
    """The rows of one data set and budget in one score, on the patients that have it in every run.

    Attributes
    ----------
    shared : dict
        What its lines have in common, by the names in `GROUP`.
    rows : dict
        Those that are ranked, by their index.
    scores : list of ndarray (R, n)
        Of each row's runs and the patients, turned so that more is better.
    sign : int
        1, or -1 where less of the score is better.
    """

    shared: dict[str, Any]
    rows: dict[int, Row]
    scores: list[np.ndarray]
    sign: int


def rank_rows(scores: Scores) -> pd.DataFrame:
    """Rank the rows of a table on each data set and budget.

    Returns
    -------
    DataFrame
        A line per row (its index), post-processing and metric, with `RANKS`: the mean over patients and runs, the rank
        by it (1 is best, equals share theirs), the 95 % bootstrap interval of the rank over runs and patients, the
        share of resamples in which the row is first (alone or with others), and tau (`concordance`).
    """
    lines = []
    for field in fields(scores):
        ranks, tau = _resampled_ranks(field.scores), concordance(field.scores)
        low, high = np.quantile(ranks, PERCENTILES, axis=0, method="inverted_cdf")
        means = np.array([of.mean() for of in field.scores])
        for place, (number, row) in enumerate(field.rows.items()):
            named = {"row": number, "method": row.method, "params": params_text(row), "label": row.label}
            found = {"mean": field.sign * means[place], "rank": _ranks(means)[place], "tau": tau}
            found |= {"low": low[place], "high": high[place], "first": np.mean(ranks[:, place] == ranks.min(axis=1))}
            lines.append(field.shared | named | {"runs": len(row.runs)} | found)
    return pd.DataFrame(lines, columns=["row", *RANKS]).set_index("row")


def claims(scores: Scores) -> pd.DataFrame:
    """Say of every two rows how likely the claim is false that the one with the better mean is better.

    Of more than `MOST_PAIRED` rows these are the claims that the best is better than each other.

    Returns
    -------
    DataFrame
        A line per pair of rows (their indices, the winner's first) of a data set and budget, post-processing and
        metric, with `CLAIMS`: winner minus loser in means over patients and runs, and `false_claim`, runs averaged.
    """
    nothing = pd.DataFrame(columns=["row", "other", *CLAIMS])
    found = [_claims(field) for field in fields(scores)]
    return (pd.concat(found) if found else nothing).set_index(["row", "other"])


def _claims(field: Field) -> pd.DataFrame:
    patients = np.array([of.mean(axis=0) for of in field.scores])
    means, numbers, rows = patients.mean(axis=1), np.array(list(field.rows)), list(field.rows.values())
    first, second = np.triu_indices(len(rows), 1)
    if len(rows) > MOST_PAIRED:
        first, second = np.full(len(rows) - 1, means.argmax()), np.delete(np.arange(len(rows)), means.argmax())
    winner, loser = np.where(means[second] > means[first], (second, first), (first, second))
    found: dict[str, Any] = {"row": numbers[winner], "other": numbers[loser]} | field.shared
    for name, places in (("winner", winner), ("loser", loser)):
        found[name] = np.array([row.label for row in rows], object)[places]
        found[f"{name}_params"] = np.array([params_text(row) for row in rows], object)[places]
    found["difference"] = field.sign * (patients[winner] - patients[loser]).mean(axis=1)
    return pd.DataFrame(found | {"p_false": false_claim(patients[winner], patients[loser])})


def false_claim(winner: np.ndarray, loser: np.ndarray) -> np.ndarray:
    r"""Return the probability that the claimed winner's true mean is not above the loser's.

    .. math:: P = F_{t, n - 1}\left(\frac{\sqrt n \, (\bar b - \bar a)}{\sqrt{s_a^2 + s_b^2 - 2 s_a s_b r}}\right)

    a are the winner's scores, b the loser's, r their correlation over the same n patients, the last axis ("False
    promises in medical imaging AI?", arXiv 2505.04720, 2025). The root is the standard deviation of the differences: P
    is the p of the one-sided paired t test, and a posterior with a flat prior. 0.5 for equal scores, NaN for one
    patient.

    >>> float(false_claim(np.array([2.0, 2.0, 5.0]), np.array([2.0, 2.0, 5.0])))
    0.5
    """
    differences = winner - loser
    number = differences.shape[-1]
    if number < 2:
        return np.full(differences.shape[:-1], np.nan)
    error, mean = differences.std(axis=-1, ddof=1) / np.sqrt(number), differences.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = stats.t.cdf(-mean / error, number - 1)
    return np.where((error == 0) & (mean == 0), 0.5, found)


def concordance(scores: list[np.ndarray]) -> float:
    """Return the mean Kendall tau-b between the orders of the methods by their first runs, their second and so on.

    1: all order the methods alike; about 0: another seed or draw orders them as chance does. NaN where a method has
    one run.
    """
    rounds = [[of[place].mean() for of in scores] for place in range(min(len(of) for of in scores))]
    taus = [stats.kendalltau(*pair).statistic for pair in itertools.combinations(rounds, 2)]
    return float(np.mean(taus)) if taus and len(scores) > 1 else float("nan")


def fields(scores: Scores) -> Iterator[Field]:
    """Yield the rows that are ranked together, two at least: each set of runs once, on two patients at least."""
    for (dataset, labelled), rows in _groups(scores.artefact.rows).items():
        for name, score in itertools.product(POST_PROCESSING, scores.artefact.form.columns):
            found = [scores.patients(name, place, score) for place in rows]
            whole = pd.concat(found, axis=1, keys=range(len(found)))
            kept = whole.dropna()
            if len(kept) < 2:
                continue
            shared = {"dataset": dataset, "labelled": labelled, "post_processing": name, "metric": score}
            shared |= {"patients": len(kept), "left_out": len(whole) - len(kept)}
            sign = 1 if score in HIGHER_IS_BETTER else -1
            yield Field(shared, rows, [sign * kept[place].to_numpy().T for place in range(len(found))], sign)


def _groups(rows: tuple[Row, ...]) -> dict[tuple[str, int], dict[int, Row]]:
    groups: dict[tuple[str, int], dict[int, Row]] = {}
    for number, row in enumerate(rows):
        group = groups.setdefault((row.dataset, row.labelled), {})
        if row.results and row.results not in [other.results for other in group.values()]:
            group[number] = row
    return {name: group for name, group in groups.items() if len(group) > 1}


def _resampled_ranks(scores: list[np.ndarray]) -> np.ndarray:
    """Return the ranks (resamples, methods) where runs and then patients are drawn anew.

    The patients are the same for all methods. Runs are drawn by their effects (`dmd.report.variance.run_effects`): of
    three that are simply drawn with replacement the means vary by a third too little.
    """
    random = np.random.default_rng(0)
    drawn = random.integers(scores[0].shape[1], size=(RESAMPLES, scores[0].shape[1]))
    means = []
    for of in scores:
        runs = random.integers(len(of), size=(RESAMPLES, len(of)))
        means.append(of.mean(axis=0)[drawn].mean(axis=1) + run_effects(of)[runs].mean(axis=1))
    return _ranks(np.array(means).T)


def _ranks(means: np.ndarray) -> np.ndarray:
    """Return the ranks along the last axis, 1 for the highest mean; equal ones, but for rounding, share theirs."""
    return np.asarray(stats.rankdata(-means.round(9), axis=-1))
