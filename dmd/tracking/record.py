"""All that the files of a run say, in the flat form in which runs are compared."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.planning.identity import Spec, canonical
from dmd.report.scores import PLAIN
from dmd.report.tested import Tested, read_run
from dmd.runs.folder import RunFolder
from dmd.runs.history import now, read_steps
from dmd.runs.outcomes import EMPTY
from dmd.runs.vouching import read_record as read_own
from dmd.runs.vouching import require_own
from dmd.testing.evaluation import SCORES

Point = tuple[str, int]  # name and step
# Followed by its name: a tag for each artefact, so that no number of them is too long and no name hides another.
USED_BY = "artefact."
OUR_TAGS = {"method", "scale", "dataset", "labelled", "seed", "draw", "device", "commit", "slurm_job", "trained"}
ONCE = 0  # step of what has one value per run, which MLflow then draws as bars
TOTALS = ("wall_seconds", "processor_seconds", "seconds_per_step", "peak_memory_mb", "attempts")  # such numbers


@dataclass(frozen=True)
class Record:
    """A run as parameters, labels and curves.

    Attributes
    ----------
    params : dict
        Settings, see `parameters`.
    tags : dict
        What one looks a run up by: method, dataset, labelled, seed, draw, device, commit.
    points : dict
        ``{(name, step): (value, time in milliseconds since 1970)}``. Curves are named ``train/...``; test
        scores (``dice``; ``dice/class2``, where there are several) and the numbers of empty masks stand at
        step 0. What was used of the machine is named ``system/...``. NaN is left out.
    dataset : dict
        Identity of the data trained on.
    digest : str
        Of their voxels.
    files : tuple of Path
        Files worth keeping beside the curves.
    started : int
        When the training started, in milliseconds since 1970, as far as the files know; else the time of asking.
    is_whole : bool
        Whether it is all that a tested run has to say; else more may follow, or may be there already.
    """

    params: dict[str, str]
    tags: dict[str, str]
    points: dict[Point, tuple[float, int]]
    dataset: dict[str, Any]
    digest: str
    files: tuple[Path, ...]
    is_whole: bool
    started: int

    @property
    def start(self) -> int:
        """Time of the start of the training, or of the first point if that is earlier, in milliseconds."""
        return min([self.started, *(moment for _, moment in self.points.values())])

    @property
    def end(self) -> int:
        """Time of the last point in milliseconds."""
        return max(moment for _, moment in self.points.values())


def read_record(run: RunFolder) -> Record:
    """Read the files of an evaluated run.

    Raises
    ------
    InputError
        One of them is missing or is not what it should be.
    """
    spec, facts, curves = run.read_spec(), read_own(run, run.facts), _curves(run)
    points = curves | scores(read_run(run), _end(curves)) | _usage(run) | _totals(facts, curves)
    started = round(_end(curves) - 1000 * facts.get("wall_seconds", 0))
    files = (run.spec, run.facts, run.history_table, run.cases)
    data = spec.training["dataset"]
    return Record(parameters(spec), _tags(spec, facts), points, data, _digest(facts), files, True, started)


def read_progress(run: RunFolder, size: int, facts: dict[str, Any]) -> Record:
    """Read what is known of a run that trains: its settings, its use of the machine, its saved steps.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    size : int
        How many bytes of its history are saved. What lies behind them is forgotten if the training is killed.
    facts : dict
        What ``run.json`` will say of where it trains and on what: device, commit, data_sha256; and when it ``started``.
    """
    spec = run.read_spec()
    saved = read_steps(run.history, size) if size else ()
    curves = {
        (f"train/{name}", line["step"]): (value, line["time"])
        for line in saved
        for name, value in line["values"].items()
        if math.isfinite(value)
    }
    data, started = spec.training["dataset"], facts.get("started", now())
    return Record(parameters(spec), _tags(spec, facts), curves | _usage(run), data, _digest(facts), (), False, started)


def used_by(artefact: str) -> str:
    """Return the search for the runs of an artefact."""
    return f"tags.`{USED_BY}{artefact}` = 'yes'"


def parameters(spec: Spec) -> dict[str, str]:
    """Return the settings of a run under flat names.

    Hyper-parameters of the method and the optimiser have their own names (temperature, lr), the kind of a
    group has the group's (method, network, schedule), the rest is prefixed (batch_size); sizes read 64x64x32.

    >>> parameters(Spec({"patch": [64, 32], "method": {"implementation": "dmd", "params": {"weight": 4}}}, {}))
    {'patch': '64x32', 'method': 'dmd', 'weight': '4'}
    """
    flat: dict[str, Any] = {}
    for group, value in (spec.training | spec.testing).items():
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
    for name, value in spec.training["method"]["params"].items():
        flat[f"method_{name}" if name in flat else name] = value
    return {name: _text(value) for name, value in flat.items()}


def _tags(spec: Spec, facts: dict[str, Any]) -> dict[str, str]:
    training = spec.training
    return {
        "method": training["method"]["implementation"],
        "dataset": training["dataset"]["name"],
        "labelled": str(training["labelled"]),
        "seed": str(training["seed"]),
        "draw": str(training.get("draw", 0)),
        "device": facts.get("device") or "unknown",
        "commit": facts.get("commit") or "unknown",
    } | ({"slurm_job": facts["slurm_job"]} if facts.get("slurm_job") else {})


def _digest(facts: dict[str, Any]) -> str:
    return facts.get("data_sha256", "unknown")[:12]  # MLflow takes 36 letters


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else canonical(value).strip('"')


def _curves(run: RunFolder) -> dict[Point, tuple[float, int]]:
    """Return the history; its times are the history's, or where that is gone the time of the table itself."""
    times = {line["step"]: line["time"] for line in read_steps(run.history)} if run.history.exists() else {}
    points = {}
    require_own(run, run.history_table)
    try:
        written = round(run.history_table.stat().st_mtime * 1000)
        with run.history_table.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                step = int(line.pop("step"))
                for name, text in line.items():
                    value = float("nan" if text == "" else text)  # a validation is not due at every step
                    if math.isfinite(value):
                        # The prefix sets a loss term called "dice" apart from the test score.
                        points[f"train/{name}", step] = (value, times.get(step, written))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"expected the history of a trained run at {run.history_table}: {error!r}") from None
    if not points:
        raise InputError(f"expected the history of a trained run at {run.history_table}, found no step")
    return points


def scores(tested: Tested, at: int) -> dict[Point, tuple[float, int]]:
    """Return the test scores as points of a time in milliseconds."""
    of_all = tested.lines
    lines = of_all.query(PLAIN)
    classes = lines.groupby("class")[list(SCORES)].mean()
    means = classes.mean(skipna=False)
    found = {name: float(means[name]) for name in SCORES}
    found |= {name: float((lines["outcome"] == name).sum()) for name in EMPTY}
    if len(classes) > 1:
        found |= {f"{name}/class{number}": value for name in SCORES for number, value in classes[name].items()}
    largest = of_all.query("post_processing == 'largest_component'").groupby("class")[list(SCORES)].mean()
    found |= {f"largest_component/{name}": float(value) for name, value in largest.mean(skipna=False).items()}
    return {(name, ONCE): (value, at) for name, value in found.items() if math.isfinite(value)}


def _end(curves: dict[Point, tuple[float, int]]) -> int:
    return max(moment for _, moment in curves.values())


def _usage(run: RunFolder) -> dict[Point, tuple[float, int]]:
    """Return what was noted while the run trained; the step counts the looks."""
    looks = read_steps(run.usage) if run.usage.exists() else ()
    return {
        (f"system/{name}", look["step"]): (value, look["time"])
        for look in looks
        for name, value in look["values"].items()
    }


def _totals(facts: dict[str, Any], curves: dict[Point, tuple[float, int]]) -> dict[Point, tuple[float, int]]:
    found = facts | ({"attempts": len(facts["attempts"])} if "attempts" in facts else {})
    return {(f"system/{name}", ONCE): (float(found[name]), _end(curves)) for name in TOTALS if name in found}
