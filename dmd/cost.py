"""What a submission to a cluster would cost: jobs, hours and the longest chain, from step times that were measured."""

import csv
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmd.config import Config
from dmd.plan import Plan, Run
from dmd.rundir import RunDir

COLUMNS = ("implementation", "dataset", "downsample", "patch", "width", "precision")
Key = tuple[str, ...]  # these columns: what the duration of a step depends on, besides the device
StepTimes = dict[Key, dict[str, float]]  # seconds per step by device

MEASURED = Path("config/step_times.csv")


def show(runs: list[Run], plan: Plan, config: Config, results: Path, facts: Path = MEASURED) -> None:
    """Print, for each scale of ``runs``, what is left to do; "unknown" where no step was measured.

    Parameters
    ----------
    runs : list of Run
        The runs asked for; those that are evaluated cost nothing.
    plan, config : Plan, Config
        Where they come from.
    results : Path
        Folder ``results``, whose finished runs were measured and whose stores exist.
    facts : Path
        Table of step times for what no finished run has measured.
    """
    times = step_times(results / "runs", facts)
    scales = defaultdict(list)
    for run in runs:
        scales[plan.artefacts[run.wanted_by[0]].scale].append(run)
    for scale, of_scale in scales.items():
        limits = config.scales[scale].jobs
        print(f"{scale}:")
        for line in _lines(of_scale, results, times, limits.train_minutes + limits.predict_minutes):
            print(f"  {line}")


def step_times(folder: Path, facts: Path) -> StepTimes:
    """Return seconds per step: the median over the finished runs in ``folder``, else what the table of facts says."""
    found: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/run.json")):
        measured, spec = _read(path), _read(path.with_name("spec.json"))
        if measured and spec:
            found[key(spec)][measured["device"]].append(measured["seconds_per_step"])
    times = {what: {name: statistics.median(all_) for name, all_ in by.items()} for what, by in found.items()}
    with facts.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            times.setdefault(tuple(line[name] for name in COLUMNS), {line["device"]: float(line["seconds_per_step"])})
    return times


def key(spec: dict[str, Any]) -> Key:
    """Return the entries of `COLUMNS` for a run; hyper-parameters and seeds are not among them, they take no time."""
    sizes = ["x".join(str(length) for length in lengths) for lengths in (spec["dataset"]["downsample"], spec["patch"])]
    width = str(spec["network"]["width"])
    return (spec["method"]["implementation"], spec["dataset"]["name"], *sizes, width, spec["precision"])


def fastest(seconds: dict[str, float]) -> str:
    """Return the device with the shortest step; a GPU goes before the CPU."""
    return min(seconds, key=lambda name: (name == "cpu", seconds[name]))


def _lines(runs: list[Run], results: Path, times: StepTimes, limit_minutes: int) -> Iterable[str]:
    folders = {run.id: RunDir(results / "runs" / run.id) for run in runs}
    train = [run for run in runs if not folders[run.id].weights.exists()]
    score = [run for run in runs if not folders[run.id].cases.exists()]
    stores = {run.store for run in train if not (results / "data" / f"{run.store}.check.json").exists()}
    chain = [name for name, jobs in (("data", stores), ("train", train), ("score", score)) if jobs]
    yield (
        f"{len(stores) + len(train) + len(score)} jobs: {len(stores)} of data, {len(train)} trainings, "
        f"{len(score)} predictions with their evaluation"
    )
    if not chain:
        return
    yield f"longest chain: {', '.join(chain)}; the time limits of a run add up to {limit_minutes / 60:.1f} h"
    hours: dict[str, list[float]] = defaultdict(list)
    unknown: Counter[str] = Counter()
    for run in train:
        seconds = times.get(key(run.spec))
        if not seconds:
            unknown[run.spec["method"]["implementation"]] += 1
            continue
        device = fastest(seconds)
        hours[device].append(seconds[device] * run.spec["iterations"] / 3600)
    for device, each in hours.items():
        kind = "CPU" if device == "cpu" else "GPU"
        yield (
            f"{len(each)} of {len(train)} trainings: {sum(each):.2f} {kind}-hours, the longest {max(each):.2f} h, "
            f"at the step times measured on {device}"
        )
    if unknown:
        names = ", ".join(f"{name} ({count})" for name, count in unknown.items())
        yield f"{unknown.total()} of {len(train)} trainings: hours unknown, no step was measured: {names}"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
