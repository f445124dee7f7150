"""What a submission to a cluster would cost: jobs, hours and the longest chain, from step times that were measured.

Where a step was measured at another scale only, it is scaled by the voxels of a patch and the width of the network, and
said to be an estimate; never from one precision to another.
"""

import csv
import io
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dmd.errors import InputError
from dmd.files import read_text
from dmd.planning.config import Config
from dmd.planning.identity import Spec
from dmd.planning.plan import Plan, Run
from dmd.planning.project import find
from dmd.runs.folder import RunFolder, read_json
from dmd.terminal.settings import iterations, text


class Key(NamedTuple):
    """What tells the durations of steps apart besides the device.

    The batch and hyper-parameters are not in it, although a larger batch takes longer, and so do more ``forwards`` or
    ``copies`` of a teacher (UA-MT, DUWM): what differs in these alone is taken to last as long. The names are columns
    of the table of facts. Other kernels than the usual stand behind the precision: ``bf16 compile=true``.
    """

    implementation: str
    dataset: str
    downsample: str
    patch: str
    width: str
    precision: str


StepTimes = dict[Key, dict[str, float]]  # seconds per step by device

KERNELS = ("channels_last", "deterministic", "compile")  # settings that stand there where they are not the default
MEASURED = Path("config/step_times.csv")
MARGIN = 2  # times what was measured: a busy node, the validation between steps
BEGINNING = 10  # minutes until the first step


@dataclass(frozen=True)
class Pace:
    """Seconds per step on a device; ``scale`` is where it was measured if not at the run's own, and then a guess."""

    seconds: float
    device: str
    scale: str | None = None


def show(runs: list[Run], plan: Plan, config: Config, results: Path, facts: Path = MEASURED) -> None:
    """Print, for each scale of ``runs``, what is left to do; "unknown" where no step of the method was measured.

    Parameters
    ----------
    runs : list of Run
        The runs asked for; those that are tested as their settings say cost nothing.
    plan, config : Plan, Config
        Where they come from.
    results : Path
        Folder ``results``, whose finished runs were measured and whose stores exist.
    facts : Path
        Table of step times for what no finished run has measured.
    """
    times = step_times(results / "runs", facts)
    known = {key(run.spec): _scale(run, plan) for run in plan.runs.values()}
    scales = defaultdict(list)
    for run in runs:
        scales[_scale(run, plan)].append(run)
    for scale, of_scale in scales.items():
        paces = {run.id: pace(run.spec, times, known) for run in of_scale}
        print(f"{scale}:")
        limits = config.scales[scale].jobs
        asked = {run.id: minutes(run.spec, times, limits.train_minutes) for run in of_scale}
        for line in _lines(of_scale, results, paces, asked, limits.test_minutes):
            print(f"  {line}")


def step_times(folder: Path, facts: Path) -> StepTimes:
    """Return seconds per step: the median over the finished runs in ``folder``, else what the table of facts says."""
    stated: StepTimes = defaultdict(dict)
    for line in csv.DictReader(io.StringIO(read_text(find(facts), "measured step times"))):
        stated[Key(*(line[name] for name in Key._fields))][line["device"]] = float(line["seconds_per_step"])
    found: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/run.json")):
        measured = read_json(path)
        with suppress(InputError, KeyError, TypeError, ValueError):  # of a torn run nothing is known
            device, seconds = measured["device"], float(measured["seconds_per_step"])
            found[key(RunFolder(path.parent).read_spec())][device].append(seconds)
    return dict(stated) | {
        what: {name: statistics.median(all_) for name, all_ in by.items()} for what, by in found.items()
    }


def key(spec: Spec) -> Key:
    """Return what tells the duration of a step of a run from others."""
    settings = spec.training
    method, data, width = settings["method"]["implementation"], settings["dataset"], settings["network"]["width"]
    found = [*map(text, (method, data["name"], data["downsample"], settings["patch"], width, settings["precision"]))]
    found[-1] += "".join(f" {name}={text(settings[name])}" for name in KERNELS if name in settings)
    return Key(*found)


def fastest(seconds: dict[str, float]) -> str:
    """Return the device with the shortest step; a GPU goes before the CPU."""
    return min(seconds, key=lambda name: (name == "cpu", seconds[name]))


def pace(spec: Spec, times: StepTimes, scales: dict[Key, str]) -> Pace | None:
    """Return how long a step of a run takes: as measured, else scaled from the most similar run of its method.

    A GPU goes before a CPU. ``scales`` names the scale of every planned run.
    """
    mine = key(spec)
    if mine in times:
        device = fastest(times[mine])
        return Pace(times[mine][device], device)
    alike = [other for other in times if _kind(other) == _kind(mine)]
    if not alike:
        return None
    growth = {other: _work(mine) / _work(other) for other in alike}
    nearest = min(alike, key=lambda other: (fastest(times[other]) == "cpu", abs(math.log(growth[other]))))
    device = fastest(times[nearest])
    return Pace(times[nearest][device] * growth[nearest], device, scales.get(nearest, "of another configuration"))


def minutes(spec: Spec, times: StepTimes, limit: int, attempt: int = 1) -> int:
    """Return the time to ask for a training: by its own steps on the slowest device measured, at most ``limit``.

    Where it was never measured, and once it was not enough, that is the limit of its scale.
    """
    measured = times.get(key(spec))
    if attempt > 1 or not measured:
        return limit
    return min(limit, BEGINNING + math.ceil(MARGIN * max(measured.values()) * iterations(spec) / 60))


def _kind(what: Key) -> tuple[str, int, str]:
    """Return what must agree for steps to differ in the amount of work alone."""
    return what.implementation, what.patch.count("x"), what.precision


def _work(what: Key) -> int:
    """Return voxels of a patch times channels; batches of one method and dimension are equal at every scale."""
    return math.prod(int(length) for length in what.patch.split("x")) * int(what.width)


def _scale(run: Run, plan: Plan) -> str:
    return plan.artefacts[run.wanted_by[0]].scale


def _lines(
    runs: list[Run], results: Path, paces: dict[str, Pace | None], asked: dict[str, int], test_minutes: int
) -> Iterable[str]:
    folders = {run.id: RunFolder(results / "runs" / run.id) for run in runs}
    left = [run for run in runs if folders[run.id].tested_with != run.spec.testing]
    train = [run for run in left if not folders[run.id].weights.exists()]
    stores = {run.store for run in train if not (results / "data" / f"{run.store}.check.json").exists()}
    of_data, of_runs = 2 * len(stores), len(train) + len(left)  # prepare and check; train and test
    yield f"{of_data + of_runs} jobs: {of_data} of data, {of_runs} of runs, {len(train)} of these train"
    if not left:
        return
    hours: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    unknown: Counter[str] = Counter()
    for run in train:
        found = paces[run.id]
        if found is None:
            unknown[key(run.spec).implementation] += 1
        else:
            hours[found.device, found.scale].append(found.seconds * iterations(run.spec) / 3600)
    longest = f" of {max(map(max, hours.values())):.2f} h" if hours else ""
    limit = max((asked[run.id] for run in train), default=0) / 60
    training = f"a training{longest} (limit {limit:.1f} h), " if train else ""
    yield f"longest chain: {'data, ' if stores else ''}{training}a test (limit {test_minutes / 60:.1f} h)"
    for (device, scale), each in hours.items():
        about, kind = "about " if scale else "", "CPU" if device == "cpu" else "GPU"
        origin = f"estimated from steps at scale {scale}" if scale else "at the step times measured"
        yield (
            f"{len(each)} of {len(train)} trainings: {about}{sum(each):.2f} {kind}-hours, "
            f"the longest {about}{max(each):.2f} h, {origin} on {device}"
        )
    if unknown:
        names = ", ".join(f"{name} ({count})" for name, count in unknown.items())
        said = f"hours unknown, no step in {key(train[0].spec).precision} was measured: {names}"
        yield f"{unknown.total()} of {len(train)} trainings: {said}"
    if train and all(device == "cpu" for device, _ in hours):
        yield "GPU-hours: unknown until a run has finished on a GPU"
