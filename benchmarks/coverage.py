"""Count how often the 95 % interval of a paired comparison holds the true difference.

    python benchmarks/coverage.py --patients 20

Differences are drawn from distributions whose pseudomedian, which the interval is of, is known. Runs on one core.
"""

import argparse

import numpy as np
import pandas as pd
from scipy import stats

from dmd.report.statistics import compare

# The pseudomedian is the median of the mean of two draws; that of two exponential ones is half a gamma(2).
DISTRIBUTIONS = {
    "normal": (np.random.Generator.standard_normal, 0.0),
    "exponential": (np.random.Generator.standard_exponential, stats.gamma(2).median() / 2),
}


def held(differences: np.ndarray, true: float) -> bool:
    """Say whether the interval of one comparison holds the true difference."""
    found = compare(pd.Series(differences), pd.Series(np.zeros_like(differences)))
    return found.low <= true <= found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--samples", type=int, default=2000)
    options = parser.parse_args()

    print("| differences | intervals that hold the true value (%) | standard error |")
    print("| :-- | --: | --: |")
    for name, (draw, true) in DISTRIBUTIONS.items():
        random = np.random.default_rng(0)
        share = np.mean([held(draw(random, options.patients), true) for _ in range(options.samples)])
        error = np.sqrt(share * (1 - share) / options.samples)
        print(f"| {name} | {100 * share:.1f} | {100 * error:.1f} |")


if __name__ == "__main__":
    main()
