"""A score of one method beside that of another, and of itself, over patients and runs."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dmd.errors import InputError
from dmd.report.statistics import LEVEL, hodges_lehmann, resampled_hodges_lehmann
from dmd.report.variance import add, run_effects

MINIMUM = 6  # with 5 pairs the smallest two-sided p of the signed-rank test is 2 / 2^5 > 0.05
RESAMPLES = 1999
NORMAL = float(stats.norm.ppf(1 - LEVEL / 2))


@dataclass(frozen=True)
class Comparison:
    """How a method differs from another on the same patients; always the first minus the second.

    Attributes
    ----------
    patients : int
        Pairs compared.
    left_out : int
        Patients without the score in one of the two, as an empty mask has no distance. Who fails on the hard
        patients gains by that; `dmd.report.empty.treat_empty` knows other conventions.
    difference : float
        Hodges-Lehmann estimate, in the unit of the score; NaN without a pair.
    error, degrees : float
        Its standard error over patients and over the runs of each method that has several; the degrees of freedom of
        that. As all that follow, NaN with fewer than `MINIMUM` pairs.
    low, high : float
        Its 95 % interval by both.
    p : float
        Of the two-sided Wilcoxon signed-rank test over patients, runs averaged; 1 if no pair differs.
    p_runs : float
        Of the two-sided t test by ``error`` and ``degrees``; NaN where both methods have one run, which says
        nothing of what another would change. Of a method with one run ``error`` has no part: p is then too small.
    """

    patients: int
    left_out: int
    difference: float
    error: float
    degrees: float
    low: float
    high: float
    p: float
    p_runs: float


def compare(method: pd.DataFrame, other: pd.DataFrame) -> Comparison:
    r"""Compare a score of two methods, patient by patient, over all their runs.

    .. math::
        \mathrm{SE}^2 = \frac{n}{n - 1} V^* + \sum_m \frac{\hat\sigma_{r,m}^2}{R_m}, \qquad
        \hat\Delta \pm t_{\nu, 0.975} \, \mathrm{SE}

    :math:`V^*` is the bootstrap variance of the estimate over patients, :math:`\hat\sigma_{r,m}^2` what the
    :math:`R_m` runs of a method add (`dmd.report.variance.run_effects`, independent between runs and methods), and
    :math:`\nu` Satterthwaite's. Interval and p have a V of each side, so that they lean as the bootstrap does: the
    squared distance to its percentile over 1.96 (as Hesterberg's expanded percentiles, The American Statistician 69,
    2015). A plain hierarchical bootstrap, runs and then patients, misses the true value too often with three runs, and
    hardly ever where runs scatter on single patients (docs/statistics.md has both measured).

    Parameters
    ----------
    method, other : DataFrame
        A line per patient (`per_patient`), a column per run; NaN where a patient has no score.

    Returns
    -------
    Comparison
        Method minus other, runs averaged first: the Hodges-Lehmann estimate, and SciPy's signed-rank test, exact
        without ties, its zero differences dropped. The bootstrap's seed is fixed; all turn their signs with the
        comparison.

    Raises
    ------
    InputError
        The patients are not the same.
    """
    if set(method.index) != set(other.index) or not method.index.is_unique:
        odd = sorted(set(method.index) ^ set(other.index))[:5]
        raise InputError(f"expected scores of the same patients to compare, found {odd} in one of the two only")
    ours, theirs = (of.mean(axis=1, skipna=False) for of in (method, other))
    # Rounded: sums in another order must not break ties of distances on a grid.
    differences = (ours - theirs).round(9).dropna()
    found, left_out = differences.to_numpy(), len(method) - len(differences)
    estimate = float(hodges_lehmann(found)) if len(found) else np.nan
    if len(found) < MINIMUM:
        return Comparison(len(found), left_out, estimate, *[np.nan] * 6)
    patients, *sides = _over_patients(found, estimate)
    effects = [run_effects(of.loc[differences.index].to_numpy().T) for of in (method, other)]
    runs = [(float(np.mean(of**2)) / len(of), len(of) - 1) for of in effects]
    _, degrees = add([(patients, len(found) - 1), *runs])
    error, down, up = (float(np.sqrt(of + sum(part for part, _ in runs))) for of in (patients, *sides))
    t = float(stats.t.ppf(1 - LEVEL / 2, degrees))
    p = float(stats.wilcoxon(found).pvalue) if found.any() else 1.0
    has_runs = max(map(len, effects)) > 1
    p_runs = _two_sided(estimate, down if estimate > 0 else up, degrees) if has_runs else np.nan
    low, high = estimate - t * down, estimate + t * up
    return Comparison(len(found), left_out, estimate, error, degrees, low, high, p, p_runs)


def _over_patients(differences: np.ndarray, estimate: float) -> tuple[float, float, float]:
    """Return the variance of the Hodges-Lehmann estimate over patients, and that below and above by its percentiles.

    Of the bootstrap, without its share (n - 1) / n.
    """
    number = len(differences)
    drawn = np.random.default_rng(0).integers(number, size=(RESAMPLES, number))
    resampled, scale = resampled_hodges_lehmann(differences, drawn), number / (number - 1)
    low, high = np.quantile(resampled, (LEVEL / 2, 1 - LEVEL / 2))
    sides = ((estimate - low) / NORMAL, (high - estimate) / NORMAL)
    variance, below, above = (scale * float(of) ** 2 for of in (resampled.std(ddof=1), *sides))
    return variance, below, above


def _two_sided(estimate: float, error: float, degrees: float) -> float:
    if estimate == 0:
        return 1.0
    return float(2 * stats.t.sf(abs(estimate) / error, degrees)) if error else 0.0


@dataclass(frozen=True)
class Floor:
    """How far a method is from itself, by its runs alone.

    Attributes
    ----------
    patients, left_out : int
        Compared; without the score in a run.
    typical : float
        Root mean square of the differences between every two runs (Hodges-Lehmann over patients).
    reach : float
        Within plus and minus so much lie 95 % of the differences between two averages of as many runs of the method.
    """

    patients: int
    left_out: int
    typical: float
    reach: float


def noise_floor(method: pd.DataFrame) -> Floor:
    r"""Compare a method of several runs with itself.

    .. math:: d^2 = \binom{R}{2}^{-1} \sum_{i<k} \hat\Delta_{ik}^2, \qquad
        \mathrm{reach} = t_{R - 1, 0.975} \, d / \sqrt{R}

    Were the differences those of means, :math:`d^2` would be twice the variance of the runs (n - 1).

    Parameters
    ----------
    method : DataFrame
        As for `compare`, with two columns at least.
    """
    whole = method.dropna().to_numpy()
    number, runs = whole.shape
    pairs = [(whole[:, first] - whole[:, second]) for first, second in itertools.combinations(range(runs), 2)]
    typical = float(np.sqrt(np.mean(hodges_lehmann(np.array(pairs)) ** 2))) if number else np.nan
    reach = float(stats.t.ppf(1 - LEVEL / 2, runs - 1)) * typical / float(np.sqrt(runs))
    return Floor(number, len(method) - number, typical, reach)
