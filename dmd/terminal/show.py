"""What `dmd show` prints: settings, loss, test scores and cost of one run, whether it is done or trains."""

import csv
import math
import shutil
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.planning.config import Dataset
from dmd.planning.identity import Spec
from dmd.planning.preparation import store_identity
from dmd.planning.splits import load_split
from dmd.runs.bare import STATE, is_bare
from dmd.runs.folder import RunFolder
from dmd.runs.history import CHOSEN_BY, loss_terms, read_steps
from dmd.runs.outcomes import EMPTY, outcome
from dmd.runs.vouching import read_record, require_own
from dmd.terminal.cost import StepTimes
from dmd.terminal.plan import Standing, clock, standing
from dmd.terminal.settings import text

LINES = 8  # of a chart
MARGIN = 25  # columns that a chart needs beside its own
SCORES = ("dice", "jaccard", "hd95", "asd")  # how their columns in cases.csv begin
PERCENT = ("dice", "jaccard")  # fractions in cases.csv


def show(run: RunFolder, times: StepTimes, classes: Sequence[str] | None) -> None:
    """Print all that is known of a run.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    times : StepTimes
        Measured step times, for the time left.
    classes : sequence of str, optional
        Names of the classes, background first, as `class_names`; numbers stand for them where they are unknown.

    Raises
    ------
    InputError
        The folder has no spec, or another run's; or a file in it is not the run's own.
    """
    spec = run.read_spec()
    for file in (run.history_table, run.cases):
        require_own(run, file)
    history, now = _history(run), standing(run, spec, times)
    print(f"{run.id}  {_state(now)}" + (f", {STATE}" if is_bare(run) else ""))
    sections = {
        "settings": _settings(spec.training | spec.testing),
        **_charts(history),
        "test": _scores(run, classes),
        "cost": _cost(run),
    }
    for title, lines in sections.items():
        if lines:
            print(f"\n{title}", *lines, sep="\n  ")


def class_names(spec: Spec, datasets: Mapping[str, Dataset]) -> Sequence[str] | None:
    """Return what the configuration calls the classes of a run; nothing where its data set of that name is another.

    Raises
    ------
    InputError
        That data set has no split that can be read.
    """
    data = spec.training["dataset"]
    facts = datasets.get(data["name"])
    if facts is None or len(facts.classes) != spec.training["classes"]:
        return None
    split = load_split(Path(facts.split)).sha256
    return facts.classes if store_identity(data["name"], facts, data["downsample"], split) == data else None


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
    said = text(value)
    return said if len(said) < 40 else f"{said[:12]}..."  # a checksum


def _history(run: RunFolder) -> list[dict[str, float]]:
    """Return the values of every step by name, ``step`` among them."""
    if not run.history_table.exists():
        lines = read_steps(run.history) if run.history.exists() else ()
        return [{"step": line["step"], **line["values"]} for line in lines]
    try:
        with run.history_table.open(newline="", encoding="utf-8") as file:
            found = [{name: float(text) for name, text in line.items() if text} for line in csv.DictReader(file)]
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"expected the history of a trained run at {run.history_table}: {error}") from None
    return [line for line in found if "step" in line]


def _charts(history: list[dict[str, float]]) -> dict[str, list[str]]:
    """Return a chart of the loss, and of the validations where there are any."""
    charts = {}
    for name in ("loss", *CHOSEN_BY):
        points = [(float(line["step"]), line[name]) for line in history if math.isfinite(line.get(name, math.nan))]
        if points:
            charts[name] = [*_chart(name, points), *(_ends(history) if name == "loss" else [])]
    return charts


def _chart(name: str, points: Sequence[tuple[float, float]]) -> list[str]:
    """Draw values over steps, a mean of several steps per column, no wider than the terminal."""
    from plotille import Figure

    figure = Figure()
    figure.with_colors, figure.origin, figure.x_label, figure.y_label = False, False, "step", name
    figure.height, figure.width = LINES, max(1, min(100, shutil.get_terminal_size().columns) - MARGIN)
    figure.register_label_formatter(float, _label)
    figure.set_x_limits(0, points[-1][0])
    steps, values = zip(*points, strict=True)
    figure.plot(means(steps, figure.width), means(values, figure.width))
    return [line.rstrip(" \u2800") for line in figure.show().splitlines()]  # blank, and braille of no dot


def _label(val: float, chars: int, delta: float, left: bool = False) -> str:
    """Return a number on an axis, where plotille wants as many digits as fit."""
    return f"{val:{'<' if left else '>'}{chars}.4g}"


def means(values: Sequence[float], most: int) -> list[float]:
    """Return the means over ``most`` parts of about the same length, or the values where there are no more.

    >>> means([1, 2, 3, 4, 6], most=2)
    [1.5, 4.333333333333333]
    """
    count = min(most, len(values))
    edges = [len(values) * part // count for part in range(count + 1)]
    return [statistics.fmean(values[start:end]) for start, end in pairwise(edges)]


def _ends(history: list[dict[str, float]]) -> list[str]:
    """Say where the loss terms are at last: their means over the last tenth of the steps."""
    last = history[-max(1, len(history) // 10) :]
    terms = [(name, statistics.fmean(line[name] for line in last)) for name in loss_terms(last[-1])]
    return [f"last {len(last)} steps: " + ", ".join(f"{name} {mean:.4g}" for name, mean in terms)]


def _scores(run: RunFolder, classes: Sequence[str] | None) -> list[str]:
    if not run.cases.exists():
        return []
    try:
        with run.cases.open(newline="", encoding="utf-8") as file:
            return _table(list(csv.DictReader(file)), classes)
    except (LookupError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"expected the test scores of a run at {run.cases}, found none ({error}); delete the file and test it again"
        ) from None


def _table(lines: list[dict[str, str]], classes: Sequence[str] | None) -> list[str]:
    """Return a table of mean (standard deviation) over test cases, per class and post-processing."""
    groups = defaultdict(list)
    for line in lines:
        groups[int(line["class"]), line["post_processing"]].append(line)
    names = [name for name in lines[0] if name.startswith(SCORES)]
    found = {outcome(*_voxels(line)) for line in lines}
    empty = [name for name in EMPTY if name in found]
    table = [["class", "post-processing", *names, "cases", *(name.replace("_", " ") for name in empty)]]
    for (number, process), of_group in groups.items():
        of_kind = [outcome(*_voxels(line)) for line in of_group]
        scores = [_mean(name, [float(line[name]) for line in of_group if line[name]]) for name in names]
        counts = [str(len(of_group)), *(str(of_kind.count(name)) for name in empty)]
        table.append([classes[number] if classes else str(number), process, *scores, *counts])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{entry:<{width}}" for entry, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _voxels(line: dict[str, str]) -> tuple[int, int]:
    return int(line["predicted_voxels"]), int(line["reference_voxels"])


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
    facts = read_record(run, run.facts)
    try:
        return _sums(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{run.facts}: expected what a training came to, found otherwise: {error!r}") from None


def _sums(facts: dict[str, Any]) -> list[str]:
    attempts = f"in {len(facts['attempts'])} attempt(s)"
    wall = f"{clock(facts['wall_seconds'])}, {facts['seconds_per_step']} s per step, {attempts}"
    device = f"{facts['device']} of {facts['host']}, {facts['threads']} thread(s), at most {facts['peak_memory_mb']} MB"
    return [
        f"training  {wall}",
        f"device    {device}",
        f"weights   of step {facts.get('selected_step', facts['steps'])}",
        f"commit    {facts['commit']}",
    ]
