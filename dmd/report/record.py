"""All that the files of an evaluated run say, in the flat form in which runs are compared."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmd import journal
from dmd.errors import InputError
from dmd.plan import canonical
from dmd.report.collect import summarise
from dmd.rundir import RunDir

Point = tuple[str, int]  # name and step


@dataclass(frozen=True)
class Record:
    """A run as parameters, labels and curves.

    Attributes
    ----------
    params : dict
        Settings, see `parameters`.
    tags : dict
        What one looks a run up by: method, dataset, labelled, seed, device, commit.
    points : dict
        ``{(name, step): (value, time in milliseconds since 1970)}``. Curves are named ``train/...``; test
        scores and the number of empty predictions stand at the last step. NaN is left out.
    dataset : dict
        Identity of the data trained on.
    files : tuple of Path
        Files worth keeping beside the curves.
    """

    params: dict[str, str]
    tags: dict[str, str]
    points: dict[Point, tuple[float, int]]
    dataset: dict[str, Any]
    files: tuple[Path, ...]

    @property
    def start(self) -> int:
        """Time of the first point in milliseconds."""
        return min(time for _, time in self.points.values())

    @property
    def end(self) -> int:
        """Time of the last point in milliseconds."""
        return max(time for _, time in self.points.values())


def read_record(run: RunDir) -> Record:
    """Read the files of an evaluated run.

    Raises
    ------
    InputError
        One of them is missing or is not what it should be.
    """
    spec, facts, points = run.read_spec(), _facts(run), _curves(run)
    tags = {
        "method": spec["method"]["implementation"],
        "dataset": spec["dataset"]["name"],
        "labelled": str(spec["labelled"]),
        "seed": str(spec["seed"]),
        "device": facts.get("device") or "unknown",
        "commit": facts.get("commit") or "unknown",
    }
    files = (run.spec, run.facts, run.history, run.cases)
    return Record(parameters(spec), tags, points | _scores(run, points), spec["dataset"], files)


def parameters(spec: dict[str, Any]) -> dict[str, str]:
    """Return the settings of a run under flat names.

    Hyper-parameters of the method and the optimiser have their own names (temperature, lr), the kind of a
    group has the group's (method, network, schedule), the rest is prefixed (batch_size); sizes read 64x64x32.

    >>> parameters({"patch": [64, 32], "method": {"implementation": "dmd", "params": {"weight": 4}}})
    {'patch': '64x32', 'method': 'dmd', 'weight': '4'}
    """
    flat: dict[str, Any] = {}
    for group, value in spec.items():
        if not isinstance(value, dict):
            flat[group] = value
            continue
        for name, entry in value.items():
            if name in ("name", "kind", "implementation"):
                flat[group] = entry
            elif group == "optimiser":
                flat[name] = entry
            elif name != "params":
                flat[f"{group}_{name}"] = entry
    for name, value in spec["method"]["params"].items():
        flat[f"method_{name}" if name in flat else name] = value
    return {name: _text(value) for name, value in flat.items()}


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else canonical(value).strip('"')


def _curves(run: RunDir) -> dict[Point, tuple[float, int]]:
    """Return the history; its times are the journal's, or where that is gone the time of the table itself."""
    times = {line["step"]: line["time"] for line in journal.lines(run.journal)} if run.journal.exists() else {}
    points = {}
    try:
        written = round(run.history.stat().st_mtime * 1000)
        with run.history.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                step = int(line.pop("step"))
                for name, value in line.items():
                    if value != "":  # a validation is not due at every step
                        # The prefix sets a loss term called "dice" apart from the test score.
                        points[f"train/{name}", step] = (float(value), times.get(step, written))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"expected the history of a trained run at {run.history}: {error!r}") from None
    if not points:
        raise InputError(f"expected the history of a trained run at {run.history}, found no step")
    return points


def _scores(run: RunDir, curves: dict[Point, tuple[float, int]]) -> dict[Point, tuple[float, int]]:
    summary = summarise(run)
    last = max(step for _, step in curves)
    end = max(time for _, time in curves.values())
    scores = summary.scores | {"empty_predictions": float(summary.empty_predictions)}
    return {(name, last): (value, end) for name, value in scores.items() if math.isfinite(value)}


def _facts(run: RunDir) -> dict[str, Any]:
    try:
        return json.loads(run.facts.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"expected the facts of a trained run at {run.facts}: {error}") from None
