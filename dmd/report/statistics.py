"""Test scores averaged over cases and patients, and what p-values mean: on frames, without files or words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dmd.testing.evaluation import SCORES

LEVEL = 0.05
PART = 2**16  # draws at once, for the memory of their pairs
HIGHER_IS_BETTER = ("dice", "jaccard")


def average(lines: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    r"""Average test scores over cases and then over classes.

    .. math:: s = \frac{1}{C - 1} \sum_{c=1}^{C-1} \frac{1}{|V_c|} \sum_{v \in V_c} s_{vc}

    :math:`V_c` are the cases in which the score exists: an empty mask has no distance, unless it was given one. NaN
    where a class has no case with the score. The order is HiLab-git/SSL4MIS:code/test_2D_fully.py's for ACDC; LA has
    one class.

    Parameters
    ----------
    lines : DataFrame
        A line per case, foreground class and value of ``by``, with the scores.
    by : list of str
        Columns whose values are kept apart.
    """
    by_class = lines.groupby([*by, "class"], sort=False)[list(SCORES)].mean()
    return by_class.groupby(level=by, sort=False).mean(skipna=False)


def per_patient(lines: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Average test scores for each patient over classes and cases.

    Parameters
    ----------
    lines : DataFrame
        As for `average`, with ``patient``.
    by : list of str
        Columns whose values are kept apart.

    Returns
    -------
    DataFrame
        One line per value of ``by`` and patient. Cases of one patient (the two phases of ACDC) are not independent and
        therefore one unit. NaN where any of the averaged values is: classes would otherwise weigh differently from
        patient to patient.
    """
    return lines.groupby([*by, "patient"])[list(SCORES)].mean(skipna=False)


def hodges_lehmann(differences: np.ndarray, axis: int = -1) -> np.ndarray:
    r"""Return the median of all Walsh averages along an axis.

    .. math:: \hat\Delta = \operatorname{median}_{i \le j} \frac{d_i + d_j}{2}

    In the unit of the differences, between the smallest and the largest of them; that of one difference is itself
    (Hodges and Lehmann, 1963). The centre at which the signed-rank test is least surprised.

    >>> float(hodges_lehmann(np.array([0.0, 1.0, 5.0])))
    1.75
    """
    differences = np.moveaxis(np.asarray(differences, float), axis, -1)
    first, second = np.triu_indices(differences.shape[-1])
    return np.median((differences[..., first] + differences[..., second]) / 2, axis=-1)


def resampled_hodges_lehmann(differences: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    r"""Return the Hodges-Lehmann estimates of resamples, as `hodges_lehmann` of each does, in a fraction of its time.

    A resample that holds the differences i and j :math:`c_i` and :math:`c_j` times has their Walsh average
    :math:`c_i c_j` times, that of i with itself :math:`c_i (c_i + 1) / 2` times: of all resamples only these counts are
    summed, along the one sorted list of averages.

    Parameters
    ----------
    differences : ndarray (n,)
        What was drawn from.
    drawn : ndarray (R, n)
        Places in it, a resample a line.
    """
    first, second = np.triu_indices(len(differences))
    averages = (differences[first] + differences[second]) / 2
    order = np.argsort(averages)
    averages, first, second = averages[order], first[order], second[order]
    found = [_middle(averages, first, second, part) for part in np.array_split(drawn, -(-drawn.size // PART))]
    return np.concatenate(found)


def _middle(averages: np.ndarray, first: np.ndarray, second: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the median of the sorted averages of pairs for each resample."""
    (resamples, number), whole = drawn.shape, len(averages)
    kind = np.int16 if 2 * whole < 2**15 else np.int32  # whole at most, twice that before it is halved
    numbered = drawn + number * np.arange(resamples)[:, None]
    held = np.bincount(numbered.ravel(), minlength=drawn.size).reshape(drawn.shape)
    counts: np.ndarray = held.T.astype(kind, order="C")
    weights = counts[first] * counts[second]
    weights[first == second] = (counts * (counts + 1) // 2)[first[first == second]]
    below = np.cumsum(weights, axis=0, dtype=kind)
    low, high = (np.less(below, place).sum(axis=0, dtype=kind) for place in ((whole + 1) // 2, whole // 2 + 1))
    return np.asarray((averages[low] + averages[high]) / 2)


def holm(p: Sequence[float] | pd.Series, /) -> np.ndarray:
    r"""Adjust p-values for their number.

    .. math:: \tilde p_{(k)} = \max_{l \le k} \min(1, (m - l + 1) \, p_{(l)})

    Step-down, valid under any dependence (Holm, Scandinavian History of Statistics 6, 1979). In [0, 1], never below
    p; one p-value stays itself. NaN is a test that was not made: it stays NaN and is not counted among the m.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p, float)
    made = np.flatnonzero(~np.isnan(given))
    order = made[np.argsort(given[made], kind="stable")]
    adjusted = np.full(given.shape, np.nan)
    adjusted[order] = np.maximum.accumulate(np.minimum(1, np.arange(len(order), 0, -1) * given[order]))
    return adjusted


def verdict(score: str, difference: float, p: float) -> str:
    """Say what a difference means for the method that comes first.

    ``better`` or ``worse`` where (adjusted) p is below `LEVEL`, else ``undecided``; ``too few`` patients where no test
    was made.
    """
    if np.isnan(p):
        return "too few"
    if p >= LEVEL or difference == 0:
        return "undecided"
    return "better" if (difference > 0) == (score in HIGHER_IS_BETTER) else "worse"
