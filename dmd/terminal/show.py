"""What `dmd show` prints: settings, loss, test scores and cost of one run, whether it is done or trains."""

import csv
import json
import math
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from dmd.planning.identity import canonical
from dmd.progress import clock
from dmd.runs.folder import RunFolder
from dmd.runs.history import CHOSEN_BY, loss_terms, read_steps
from dmd.terminal.cost import StepTimes
from dmd.terminal.plan import Standing, standing

BLOCKS, ASCII = " ▁▂▃▄▅▆▇█", " .:|"  # a character of a chart from empty to full
LINES = 8  # of a chart
MARGIN = 12  # columns beside it
SCORES = ("dice", "jaccard", "hd95", "asd")  # how their columns in cases.csv begin
PERCENT = ("dice", "jaccard")  # fractions in cases.csv


def show(run: RunFolder, times: StepTimes, classes: Sequence[str] | None = None) -> None:
    """Print all that is known of a run.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    times : StepTimes
        Measured step times, for the time left.
    classes : sequence of str, optional
        Names of the classes, background first; numbers stand for them where they are unknown.

    Raises
    ------
    InputError
        The folder has no spec, or another run's.
    """
    spec = run.read_spec()
    history, now = _history(run), standing(run, spec.training, times)
    print(f"{run.id}  {_state(now)}")
    sections = {
        "settings": _settings(spec.training | spec.testing),
        **_charts(history),
        "test": _scores(run, classes),
        "cost": _cost(run),
    }
    for title, lines in sections.items():
        if lines:
            print(f"\n{title}", *lines, sep="\n  ")


def columns(values: Sequence[float], most: int) -> list[float]:
    """Return the means of ``values`` over ``most`` parts of about the same length, or as many as there are values.

    >>> columns([1, 2, 3, 4, 6], most=2)
    [1.5, 4.333333333333333]
    """
    count = min(most, len(values))
    edges = [len(values) * part // count for part in range(count + 1)]
    return [statistics.fmean(values[start:end]) for start, end in pairwise(edges)]


def chart(heights: Sequence[float], ramp: str, lines: int = LINES) -> list[str]:
    """Draw numbers as columns side by side, the least one step of ``ramp`` high, the greatest as high as the chart.

    Parameters
    ----------
    heights : sequence of float
        One number per column; at least one.
    ramp : str
        Characters from empty to full.
    lines : int
        Height of the chart.

    >>> chart([1, 4, 5], " .:", lines=1)
    ['.::']
    >>> chart([1, 2, 3], " #", lines=3)
    ['  #', ' ##', '###']
    """
    least, span, full = min(heights), max(heights) - min(heights), len(ramp) - 1
    levels = [1 + round((height - least) / (span or 1) * (lines * full - 1)) for height in heights]
    return [
        "".join(ramp[min(max(level - line * full, 0), full)] for level in levels) for line in reversed(range(lines))
    ]


def _state(now: Standing) -> str:
    if now.state in ("trained", "evaluated", "missing"):
        return now.state
    left = "unknown" if now.seconds_left is None else f"about {clock(now.seconds_left)}"
    return f"{now.state}, {now.step} of {now.iterations} steps, time left: {left}"


def _settings(settings: dict[str, Any]) -> list[str]:
    width = max(map(len, settings))
    return [f"{name:<{width}}  {_text(value)}" for name, value in settings.items()]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        inner = [f"({_text(entry)})" if isinstance(entry, dict) else _text(entry) for entry in value.values()]
        return ", ".join(f"{name} {entry}" for name, entry in zip(value, inner, strict=True))
    if isinstance(value, list):
        return "x".join(map(str, value))
    text = canonical(value).strip('"')
    return text if len(text) < 40 else f"{text[:12]}..."  # a checksum


def _history(run: RunFolder) -> list[dict[str, float]]:
    """Return the values of every step by name, ``step`` among them."""
    if not run.history_table.exists():
        lines = read_steps(run.history) if run.history.exists() else ()
        return [{"step": line["step"], **line["values"]} for line in lines]
    with run.history_table.open(newline="", encoding="utf-8") as file:
        return [{name: float(text) for name, text in line.items() if text} for line in csv.DictReader(file)]


def _charts(history: list[dict[str, float]]) -> dict[str, list[str]]:
    """Return a chart of the loss, and of the validations where there are any."""
    charts = {}
    for name in ("loss", *CHOSEN_BY):
        seen = [(int(line["step"]), line[name]) for line in history if math.isfinite(line.get(name, math.nan))]
        if seen:
            steps, values = zip(*seen, strict=True)
            charts[name] = [*_framed(steps, values), *(_ends(history) if name == "loss" else [])]
    return charts


def _framed(steps: Sequence[int], values: Sequence[float]) -> list[str]:
    """Return a chart with the range of its columns at the left and that of the steps below."""
    unicode = sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower()
    means = columns(values, max(1, min(100, shutil.get_terminal_size().columns) - MARGIN))
    labels = [f"{max(means):.4g}", *[""] * (LINES - 2), f"{min(means):.4g}"]
    drawn = chart(means, BLOCKS if unicode else ASCII)
    framed = [f"{label:>8}  {line}".rstrip() for label, line in zip(labels, drawn, strict=True)]
    first, last = str(steps[0]), f" {steps[-1]}" if len(steps) > 1 else ""
    return [*framed, f"{'step':>8}  {first}{last:>{max(0, len(means) - len(first))}}"]


def _ends(history: list[dict[str, float]]) -> list[str]:
    """Say where the loss terms are at last: their means over the last tenth of the steps."""
    last = history[-max(1, len(history) // 10) :]
    means = [(name, statistics.fmean(line[name] for line in last)) for name in loss_terms(last[-1])]
    return [f"last {len(last)} steps: " + ", ".join(f"{name} {mean:.4g}" for name, mean in means)]


def _scores(run: RunFolder, classes: Sequence[str] | None) -> list[str]:
    """Return a table of mean (standard deviation) over test cases, per class and post-processing."""
    if not run.cases.exists():
        return []
    with run.cases.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    groups = defaultdict(list)
    for line in lines:
        groups[int(line["class"]), line["post_processing"]].append(line)
    names = [name for name in lines[0] if name.startswith(SCORES)]
    table = [["class", "post-processing", *names, "cases", "empty"]]
    for (number, process), of_group in groups.items():
        empty = sum(int(line["empty_prediction"]) for line in of_group)
        scores = [_mean(name, [float(line[name]) for line in of_group if line[name]]) for name in names]
        table.append([classes[number] if classes else str(number), process, *scores, str(len(of_group)), str(empty)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{entry:<{width}}" for entry, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _mean(name: str, values: list[float]) -> str:
    """Return mean (standard deviation, n - 1); Dice and Jaccard in percent, as in the tables; of no value a dash."""
    scaled = [100 * value if name in PERCENT else value for value in values]
    if len(scaled) < 2:
        return f"{scaled[0]:.2f}" if scaled else "-"
    return f"{statistics.fmean(scaled):.2f} ({statistics.stdev(scaled):.2f})"


def _cost(run: RunFolder) -> list[str]:
    """Return what the training took, where it is done."""
    if not run.facts.exists():
        return []
    facts = json.loads(run.facts.read_text(encoding="utf-8"))
    attempts = len(facts["attempts"])
    wall = f"{clock(facts['wall_seconds'])}, {facts['seconds_per_step']} s per step, in {attempts} attempt(s)"
    device = f"{facts['device']} of {facts['host']}, {facts['threads']} thread(s), at most {facts['peak_memory_mb']} MB"
    return [
        f"training  {wall}",
        f"device    {device}",
        f"weights   of step {facts.get('selected_step', facts['steps'])}",
        f"commit    {facts['commit']}",
    ]
