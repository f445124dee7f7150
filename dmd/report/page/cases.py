"""Scores of a row's test cases: what distributions are drawn of and the worst cases are found by."""

from pathlib import Path

import pandas as pd

from dmd.planning.plan import Row
from dmd.report.scores import read_scores
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import SCORES


def case_scores(row: Row, runs: Path) -> pd.DataFrame:
    """Return one line per evaluated run and test case: run, case and the scores, mean over the foreground classes.

    Dice and Jaccard in percent; a distance is NaN where one of the classes has none. No post-processing.
    """
    found = [_of_run(RunFolder(runs / run)) for run in row.runs if RunFolder(runs / run).cases.exists()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["run", "case", *SCORES])


def _of_run(run: RunFolder) -> pd.DataFrame:
    scores = read_scores(run).groupby("case", sort=False)[list(SCORES)].agg(lambda values: values.mean(skipna=False))
    return scores.reset_index().assign(run=run.id)
