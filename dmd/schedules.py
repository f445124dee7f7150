"""What changes over a training: the ramp of loss weights and the learning rate, as functions of the clock.

The clock is the paper's 0-based iteration (`dmd.networks.build.Build.clock`), so that every constant here and
in config/methods.yaml is the paper's own number at every scale.
"""

import math
from typing import Any

from dmd.errors import InputError, nearest


def ramp(t: float, length: float) -> float:
    """Return the Gaussian ramp-up ``rho(t; R) = exp(-5 (1 - clip(t, 0, R) / R)^2)``.

    Parameters
    ----------
    t : float
        Time, in units of the caller's choice; the published codes use ``iteration // 150``.
    length : float
        R, in the same units.

    Returns
    -------
    float
        From exp(-5) = 0.0067 at t <= 0 (never 0) to 1 at t >= R; 1 everywhere if R = 0.

    Notes
    -----
    Laine and Aila, ICLR 2017; yulequan/UA-MT:code/utils/ramps.py.

    >>> round(ramp(0, 40), 4), round(ramp(39, 40), 4), ramp(40, 40)
    (0.0067, 0.9969, 1.0)
    """
    if length == 0:
        return 1.0
    remaining = 1 - min(max(t, 0), length) / length
    return math.exp(-5 * remaining**2)


def warmup(clock: int, length: float) -> float:
    """Return the ramp of a loss weight, in units of 150 iterations as all published codes here count: epochs are tiny.

    >>> warmup(149, 40) == ramp(0, 40), warmup(6000, 40)
    (True, 1.0)
    """
    return ramp(clock // 150, length)


def constant(base: float, clock: int) -> float:
    """Return the learning rate that never changes."""
    return base


def step_schedule(base: float, clock: int, every: int, factor: float) -> float:
    """Return ``base * factor^(clock // every)``.

    With every = 2500 and factor = 0.1 the first 2500 iterations (clock 0 to 2499) run at ``base``, as in
    yulequan/UA-MT:code/train_LA.py, which changes the rate after the 2500th.
    """
    return base * factor ** (clock // every)


def poly_schedule(base: float, clock: int, length: int, power: float) -> float:
    """Return ``base * (1 - clock / length)^power``: from ``base`` at clock 0 to 0 at ``length``.

    The released code (HiLab-git/SSL4MIS:code/train_fully_supervised_2D.py) sets the rate after the step and
    so lags one iteration behind; we do not.
    """
    return base * (1 - clock / length) ** power


def learning_rate(training: dict[str, Any], clock: int) -> float:
    """Return the learning rate of one step.

    Parameters
    ----------
    training : dict
        Settings of the run: ``optimiser`` with the rate ``lr`` at clock 0, ``schedule`` whose ``kind`` is ``constant``,
        ``step`` (with ``every`` and ``factor``) or ``poly`` (with ``power``), and ``reference_iterations``.
    clock : int
        The paper's 0-based iteration.

    Raises
    ------
    InputError
        The kind is unknown.
    """
    base, schedule = float(training["optimiser"]["lr"]), training["schedule"]
    match schedule["kind"]:
        case "constant":
            return constant(base, clock)
        case "step":
            return step_schedule(base, clock, schedule["every"], schedule["factor"])
        case "poly":
            return poly_schedule(base, clock, training["reference_iterations"], schedule["power"])
        case kind:
            known = ("constant", "step", "poly")
            raise InputError(f"unknown schedule '{kind}'{nearest(kind, known)}. Known: {', '.join(known)}")
