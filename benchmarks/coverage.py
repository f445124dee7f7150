"""Count how often the 95 % interval of a comparison of two methods holds the true difference.

    python benchmarks/coverage.py --patients 20 --samples 1000

Scores are drawn as y = run + patient + rest (`dmd.report.variance.run_effects`) around a known difference. Beside the
interval in use stand what it is measured against: the percentile bootstrap over patients, runs averaged first, and the
plain hierarchical one, which draws runs and then patients with replacement. Runs on one core, 40 ms a sample.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dmd.report.paired import compare
from dmd.report.statistics import hodges_lehmann

RESAMPLES = 499
INTERVALS = ("in use", "patients only", "hierarchical")


@dataclass(frozen=True)
class Setting:
    """Standard deviations in points: of patients' differences, of a run, of a run on a single patient, of a draw.

    Each of ``draws`` draws of the labelled patients has ``runs`` runs; both methods share what a draw adds where it is
    ``shared``. Patients' differences are normal or, ``skewed``, exponential: without ``rest``, which would move their
    centre.
    """

    runs: int = 3
    draws: int = 1
    run: float = 1.0
    rest: float = 2.0
    draw: float = 0.0
    patients: float = 2.0
    skewed: bool = False
    shared: bool = False

    def __str__(self) -> str:
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        runs += f" of each of {self.draws} draws" if self.draws > 1 else ""
        draw = f", draw {self.draw:g}{' (shared)' * self.shared}" if self.draw else ""
        differences = f"{self.patients:g}{' exponential' * self.skewed}"
        return f"{runs} | {differences} | {self.run:g}{draw} | {self.rest:g}"

    def sample(self, random: np.random.Generator, patients: int) -> tuple[np.ndarray, np.ndarray]:
        """Return scores of two methods, each (runs, patients), whose true difference is 0."""
        drawn = random.normal(0, self.draw, (2, self.draws, 1, 1))
        of_draws = np.broadcast_to(drawn[:1], drawn.shape) if self.shared else drawn
        size = (2, self.draws, self.runs, patients)
        scores = of_draws + random.normal(0, self.run, (*size[:3], 1)) + random.normal(0, self.rest, size)
        # Of several draws each counts once, as in `dmd.report.scores.Scores.patients`.
        one, two = (scores.mean(axis=2) if self.draws > 1 else scores).reshape(2, -1, patients)
        # The estimate is of the pseudomedian, the median of the mean of two: of exponential ones half a gamma(2)'s.
        skewed = random.standard_exponential(patients) - stats.gamma(2).median() / 2
        return one + self.patients * (skewed if self.skewed else random.standard_normal(patients)), two


SETTINGS = (
    Setting(runs=1, run=0, rest=0),
    Setting(runs=1, run=0, rest=0, skewed=True),
    *(Setting(run=run) for run in (0.5, 1, 2)),
    *(Setting(rest=rest) for rest in (0.5, 4)),
    Setting(skewed=True, rest=0),
    Setting(run=0),
    Setting(run=0, patients=0),
    Setting(runs=2),
    Setting(runs=5),
    Setting(runs=1, draws=3, run=1, draw=1, shared=True),
    Setting(runs=2, draws=3, run=1, draw=1),
)


def held(one: np.ndarray, two: np.ndarray, random: np.random.Generator) -> list[bool]:
    """Say which of `INTERVALS` hold the true difference, 0."""
    found = compare(pd.DataFrame(one.T), pd.DataFrame(two.T))
    number = one.shape[1]
    drawn = random.integers(number, size=(RESAMPLES, number))
    over_patients = (one.mean(axis=0) - two.mean(axis=0))[drawn]
    of_runs = [of[random.integers(len(of), size=(RESAMPLES, len(of)))].mean(axis=1) for of in (one, two)]
    over_both = np.take_along_axis(of_runs[0] - of_runs[1], drawn, axis=1)
    limits = [np.quantile(hodges_lehmann(of), (0.025, 0.975)) for of in (over_patients, over_both)]
    return [low <= 0 <= high for low, high in ((found.low, found.high), *limits)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()

    print(f"| of each method | patients | run | run on a patient | {' | '.join(INTERVALS)} |")
    print("| :-- | :-- | :-- | --: | --: | --: | --: |")
    for setting in SETTINGS:
        random = np.random.default_rng(0)
        found = [held(*setting.sample(random, options.patients), random) for _ in range(options.samples)]
        print(f"| {setting} | {' | '.join(f'{share:.1f}' for share in 100 * np.mean(found, axis=0))} |", flush=True)


if __name__ == "__main__":
    main()
