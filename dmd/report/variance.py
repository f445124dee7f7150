"""How much of a method's score comes from its runs, and the error of a difference over runs and patients."""

from collections.abc import Iterable

import numpy as np
from scipy import stats

POWER = 0.8


def run_effects(scores: np.ndarray) -> np.ndarray:
    r"""Return what each run of a method adds to its score, of the size that runs are estimated to add.

    .. math::
        y_{ij} = \mu + r_i + p_j + e_{ij}, \qquad
        \hat\sigma_r^2 = \max\Bigl(0, \tfrac1n (MS_r - MS_e)\Bigr), \qquad
        \hat r_i = (\bar y_{i\cdot} - \bar y_{\cdot\cdot}) \, \hat\sigma_r \big/ \sqrt{\textstyle\frac1R\sum_k
        (\bar y_{k\cdot} - \bar y_{\cdot\cdot})^2}

    The means of R runs vary less about their own mean than the runs do, by (R - 1) / R, and they hold 1/n of the noise
    of runs on single patients, :math:`e`, which the patients' scores hold already. Both are undone: the effects have
    the variance :math:`\hat\sigma_r^2`, so that R of them drawn with replacement vary on average by
    :math:`\hat\sigma_r^2 / R` (reflated residuals; Carpenter, Goldstein and Rasbash, JRSS C 52, 2003).

    Parameters
    ----------
    scores : ndarray (R, n)
        Of every run and patient.

    Returns
    -------
    ndarray (R,)
        Their sum is 0; all 0 for one run, of which nothing is known, for one patient, and where runs differ by no more
        than their noise on single patients explains.
    """
    runs, patients = scores.shape
    means = scores.mean(axis=1) - scores.mean()
    if min(runs, patients) < 2:
        return np.zeros(runs)
    rest = scores - scores.mean(axis=0) - means[:, None]
    noise = (rest**2).sum() / ((runs - 1) * (patients - 1)) / patients
    between = (means**2).sum() / (runs - 1)
    if between <= noise:
        return np.zeros(runs)
    return np.asarray(means * np.sqrt((between - noise) / np.mean(means**2)))


def add(parts: Iterable[tuple[float, int]]) -> tuple[float, float]:
    r"""Add independent variances, each with its degrees of freedom.

    .. math:: V = \sum_k V_k, \qquad \nu = V^2 \Big/ \sum_k \frac{V_k^2}{\nu_k}

    Welch (1947) and Satterthwaite (1946). Parts of 0 count for nothing; where all are 0, the degrees are infinite.

    >>> add([(1.0, 4), (1.0, 4)]), add([(2.0, 19), (0.0, 2)])
    ((2.0, 8.0), (2.0, 19.0))
    """
    known = [(variance, degrees) for variance, degrees in parts if variance > 0]
    total = sum(variance for variance, _ in known)
    return total, total**2 / sum(variance**2 / degrees for variance, degrees in known) if known else np.inf


def detectable(error: float, degrees: float, level: float) -> float:
    r"""Return the smallest true difference that a two-sided t test would find with the power `POWER`.

    .. math:: \delta = (t_{\nu, 1 - \alpha / 2} + t_{\nu, 0.8}) \, \mathrm{SE}

    With 20 patients at level 0.05, 0.66 of the standard deviation of their differences:

    >>> round(float(detectable(1 / 20**0.5, 19, 0.05)), 2)
    0.66
    """
    return float((stats.t.ppf(1 - level / 2, degrees) + stats.t.ppf(POWER, degrees)) * error)
