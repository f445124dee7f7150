"""What `dmd compare` prints: two runs beside each other on the same test patients."""

import itertools
import textwrap
from dataclasses import asdict
from typing import Any

import pandas as pd

from dmd.errors import InputError
from dmd.planning.identity import canonical
from dmd.report.naming import GROUPS, HEADINGS
from dmd.report.scores import read_run, require_same_cases
from dmd.report.statistics import average, compare, per_patient, verdict
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import POST_PROCESSING, SCORES
from dmd.tracking.record import parameters

LINE = "  {:<13}{:>8}{:>8}{:>13}  {:<20}{:>8}{:>10}{:>10}  {}"
HEADING = ("", "first", "second", "difference", "95 % interval", "p", "patients", "left out", "first is")
NOTE = (
    "first, second: means over test cases, as in tables. difference: Hodges-Lehmann estimate of first minus second "
    "over test patients (Dice and Jaccard in percentage points) with its bootstrap interval; it asks the typical "
    "patient, where a mean follows the worst. p: Wilcoxon signed-rank test of this one comparison, not corrected for "
    "others. left out: patients with an empty prediction in one of the two, which has no distance. Another seed is in "
    "neither p nor interval."
)


def compare_pair(first: RunFolder, second: RunFolder) -> pd.DataFrame:
    """Compare two runs on the same test patients.

    Returns
    -------
    DataFrame
        One line per post-processing and score that both have: post_processing, metric, first and second (means as in
        tables), those of `dmd.report.statistics.Comparison` and verdict (of the first against the second).

    Raises
    ------
    InputError
        The runs were tested on other data or cases, or one is not evaluated.
    """
    _require_same_data(first, second)
    tested = [read_run(run) for run in (first, second)]
    require_same_cases(second.id, tested[1], first.id, tested[0])
    both = pd.concat([of.lines.assign(place=place) for place, of in enumerate(tested)])
    means, patients = average(both, ["post_processing", "place"]), per_patient(both, ["post_processing", "place"])
    lines = []
    for name, score in itertools.product(POST_PROCESSING, SCORES):
        ours, theirs = (patients.loc[(name, place), score] for place in (0, 1))
        if ours.notna().any() or theirs.notna().any():
            found = compare(ours, theirs)
            line = {"post_processing": name, "metric": score}
            line |= {"first": means.at[(name, 0), score], "second": means.at[(name, 1), score]}
            lines.append(line | asdict(found) | {"verdict": verdict(score, found.difference, found.p)})
    return pd.DataFrame(lines)


def say_pair(first: RunFolder, second: RunFolder) -> str:
    """Return the comparison of two runs as text, with the settings in which they differ."""
    frame = compare_pair(first, second)
    specs = [parameters(run.read_spec()) for run in (first, second)]
    differing = [
        f"  {name:<22}{specs[0].get(name, '-')} | {specs[1].get(name, '-')}"
        for name in dict.fromkeys([*specs[0], *specs[1]])
        if specs[0].get(name) != specs[1].get(name)
    ]
    said = [f"first   {first.id}", f"second  {second.id}", "", "They differ in", *(differing or ["  nothing"])]
    for name, group in frame.groupby("post_processing", sort=False):
        said += ["", GROUPS[name], LINE.format(*HEADING).rstrip(), *map(_line, group.to_dict("records"))]
    return "\n".join([*said, "", *textwrap.wrap(NOTE, 110)])


def _require_same_data(first: RunFolder, second: RunFolder) -> None:
    data = [{name: run.read_spec().training[name] for name in ("dataset", "classes")} for run in (first, second)]
    if data[0] != data[1]:
        raise InputError(
            f"expected two runs tested on the same data, found '{first.id}' on {canonical(data[0])} and "
            f"'{second.id}' on {canonical(data[1])}; compare runs of one data set and scale"
        )


def _line(line: dict[str, Any]) -> str:
    difference, interval, p = "-", "-", "-"
    if line["patients"]:
        difference = f"{line['difference']:+.2f}"
    if line["verdict"] != "too few":
        interval, p = f"{line['low']:+.2f} to {line['high']:+.2f}", f"{line['p']:.4f}"
    means = ("-" if pd.isna(line[name]) else f"{line[name]:.2f}" for name in ("first", "second"))
    counts = (line["patients"], line["left_out"])
    return LINE.format(HEADINGS[line["metric"]], *means, difference, interval, p, *counts, line["verdict"])
