"""What `dmd compare` prints: two runs beside each other on the same test patients."""

import itertools
import math
import textwrap
from dataclasses import asdict
from typing import Any

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.terminal.settings import flat

LINE = "  {:<13}{:>8}{:>8}{:>13}  {:<20}{:>8}{:>10}{:>10}  {}"
HEADING = ("", "first", "second", "difference", "95 % interval", "p", "patients", "left out", "first is")
NOTE = (
    "first, second: means over test cases, as in tables. difference: Hodges-Lehmann estimate of first minus second "
    "over test patients (Dice and Jaccard in percentage points) with its interval; it asks the typical "
    "patient, where a mean follows the worst. p: Wilcoxon signed-rank test of this one comparison, not corrected for "
    "others. left out: patients with an empty mask in one of the two, which has no distance. Another seed is in "
    "neither p nor interval."
)


def compare_pair(first: RunFolder, second: RunFolder) -> list[dict[str, Any]]:
    """Compare two runs on the same test patients.

    Returns
    -------
    list of dict
        One per post-processing and score that both have: post_processing, metric, first and second (means as in
        tables), those of `dmd.report.paired.Comparison` and verdict (of the first against the second).

    Raises
    ------
    InputError
        The runs were tested on other data or cases, or one is not evaluated.
    """
    import pandas as pd

    from dmd.report.paired import compare
    from dmd.report.scores import require_same_cases
    from dmd.report.statistics import average, per_patient, verdict
    from dmd.report.tested import read_run
    from dmd.testing.evaluation import POST_PROCESSING, SCORES

    _require_same_data(first, second)
    tested = [read_run(run) for run in (first, second)]
    require_same_cases(second.id, tested[1], first.id, tested[0])
    both = pd.concat([of.lines.assign(place=place) for place, of in enumerate(tested)])
    means, patients = average(both, ["post_processing", "place"]), per_patient(both, ["post_processing", "place"])
    lines = []
    for name, score in itertools.product(POST_PROCESSING, SCORES):
        ours, theirs = (patients[score].xs((name, place)).to_frame() for place in (0, 1))
        if ours.notna().any(axis=None) or theirs.notna().any(axis=None):
            found = compare(ours, theirs)
            line: dict[str, Any] = {"post_processing": name, "metric": score}
            line |= {"first": means.at[(name, 0), score], "second": means.at[(name, 1), score]}
            lines.append(line | asdict(found) | {"verdict": verdict(score, found.difference, found.p)})
    return lines


def say_pair(first: RunFolder, second: RunFolder) -> str:
    """Return the comparison of two runs as text, with the settings in which they differ."""
    from dmd.report.naming import GROUPS, HEADINGS

    compared = compare_pair(first, second)
    said = [f"first   {first.id}", f"second  {second.id}", "", "They differ in", *_differing(first, second)]
    for name in dict.fromkeys(line["post_processing"] for line in compared):
        of_name = [_line(HEADINGS[line["metric"]], line) for line in compared if line["post_processing"] == name]
        said += ["", GROUPS[name], LINE.format(*HEADING).rstrip(), *of_name]
    return "\n".join([*said, "", *textwrap.wrap(NOTE, 110)])


def _differing(first: RunFolder, second: RunFolder) -> list[str]:
    ours, theirs = (flat(run.read_spec()) for run in (first, second))
    names = [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]
    width = max(map(len, names), default=0)
    return [f"  {name:<{width}}  {ours.get(name, '-')} | {theirs.get(name, '-')}" for name in names] or ["  nothing"]


def _require_same_data(first: RunFolder, second: RunFolder) -> None:
    ours, theirs = (
        {name: value for name, value in flat(run.read_spec()).items() if name.startswith(("dataset.", "classes"))}
        for run in (first, second)
    )
    if ours != theirs:
        raise InputError(
            f"expected two runs tested on the same data, found '{first.id}' on {_words(ours)} and '{second.id}' on "
            f"{_words(theirs)}; compare runs of one data set and scale"
        )


def _words(settings: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _line(heading: str, line: dict[str, Any]) -> str:
    difference, interval, p = "-", "-", "-"
    if line["patients"]:
        difference = f"{line['difference']:+.2f}"
    if line["verdict"] != "too few":
        interval, p = f"{line['low']:+.2f} to {line['high']:+.2f}", f"{line['p']:.4f}"
    means = ("-" if math.isnan(line[name]) else f"{line[name]:.2f}" for name in ("first", "second"))
    counts = (line["patients"], line["left_out"])
    return LINE.format(heading, *means, difference, interval, p, *counts, line["verdict"])
