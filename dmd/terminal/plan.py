"""What `dmd plan` prints: the runs of a plan, who wants each, how far each is and how long the rest will take."""

import json
import statistics
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.planning.identity import canonical
from dmd.planning.plan import Plan, Run
from dmd.progress import clock
from dmd.runs.folder import RunFolder
from dmd.runs.history import last_steps
from dmd.terminal import cost

# Keys of a run in the output of `dmd plan --json`.
KEYS = """\
--json prints a list with one object per run, in the order of the plan:
  run           id, the name of the folder in results/runs
  state         missing, started (interrupted), running, trained, evaluated (done)
  step          steps of the training that are done
  iterations    steps of the whole training
  seconds_left  of training, on one device, as fast as it was measured; null where nothing was
  wanted_by     artefacts that use the run
  spec          settings of the run"""


@dataclass(frozen=True)
class Standing:
    """How far a run is; the names are keys of `dmd plan --json`."""

    state: str
    step: int
    iterations: int
    seconds_left: float | None


def find(plan: Plan, conditions: list[str], scale: str | None = None) -> list[Run]:
    """Return the runs whose settings agree with every ``key=value`` and that an artefact of ``scale`` wants.

    A key is any setting's own name wherever it stands (``temperature``, ``labelled``, ``seed``); ``method`` is what an
    artefact calls it, ``dataset`` the data set's name.
    """
    wanted = dict(_pair(condition) for condition in conditions)
    return [
        run
        for run in plan.runs.values()
        if (scale is None or any(_scale(name) == scale for name in run.wanted_by))
        and all(
            value in run.methods if key == "method" else _flat(run.spec.training).get(key) == value
            for key, value in wanted.items()
        )
    ]


def show(runs: list[Run], folder: Path, times: cost.StepTimes, *, as_json: bool = False) -> None:
    """Print one line per run and a last one with the number of runs in each state and the time left."""
    standings = [standing(RunFolder(folder / run.id), run.spec.training, times) for run in runs]
    pairs = list(zip(runs, standings, strict=True))
    if as_json:
        rows = [
            {"run": run.id, **asdict(now), "wanted_by": run.wanted_by, "spec": asdict(run.spec)} for run, now in pairs
        ]
        print(json.dumps(rows, indent=2))
        return
    width = max((len(run.id) for run in runs), default=0)
    for run, now in pairs:
        print(f"{run.id:<{width}}  {now.state:<9}  {_steps(now):>11}  {_left(now):>9}  {', '.join(run.wanted_by)}")
    print(_totals(standings))


def orphans(plan: Plan, folder: Path) -> list[str]:
    """Return the names of run folders that no artefact wants any more."""
    found = sorted(path.parent.name for path in folder.glob("*/spec.json"))
    return [name for name in found if name not in plan.runs]


def standing(run: RunFolder, training: dict[str, Any], times: cost.StepTimes) -> Standing:
    """Return how far a run is and how long its training will still take.

    Its own pace counts while it trains, else the step times that were measured on the fastest device.
    """
    state, iterations = run.stage, training["iterations"]
    if state in ("trained", "evaluated"):
        return Standing(state, iterations, iterations, 0.0)
    lately = last_steps(run.history) if state != "missing" else []
    step, seconds = lately[-1]["step"] if lately else 0, times.get(cost.key(training))
    pace = _pace(lately) if state == "running" else None
    pace = pace or (seconds[cost.fastest(seconds)] if seconds else None)
    return Standing(state, step, iterations, None if pace is None else round(pace * (iterations - step), 1))


def _pace(lately: list[dict[str, Any]]) -> float | None:
    """Return seconds per step, the pause before a run was resumed left out."""
    between = [after["time"] - before["time"] for before, after in pairwise(lately)]
    if not between:
        return None
    longest = 10 * statistics.median(between)
    return statistics.mean(min(pause, longest) for pause in between) / 1000


def _steps(now: Standing) -> str:
    return f"{now.step}/{now.iterations}" if now.state in ("running", "started") else ""


def _left(now: Standing) -> str:
    if now.seconds_left is None:
        return "?"
    return clock(now.seconds_left) if now.seconds_left else ""


def _totals(standings: list[Standing]) -> str:
    states = Counter(now.state for now in standings)
    counted = ", ".join(f"{number} {state}" for state, number in states.items())
    known = [now.seconds_left for now in standings if now.seconds_left]
    unknown = sum(now.seconds_left is None for now in standings)
    left = [f"about {clock(sum(known))} of training left, one after another"] if known else []
    left += [f"no step time measured for {unknown}"] if unknown else []
    return "; ".join([f"{len(standings)} runs: {counted}" if standings else "0 runs", *left])


def _pair(condition: str) -> tuple[str, str]:
    key, sign, value = condition.partition("=")
    if not sign:
        raise InputError(f"expected key=value, found '{condition}', e.g. method=dmd temperature=2")
    return key, canonical(yaml.safe_load(value)).strip('"')


def _scale(artefact: str) -> str:
    return artefact.split("/")[0] if "/" in artefact else "paper"


def _flat(training: dict[str, Any]) -> dict[str, str]:
    """Return every setting by its own name, as text in canonical form."""
    flat = {"dataset": training["dataset"]["name"]}
    for group in (
        training,
        *(value for value in training.values() if isinstance(value, dict)),
        training["method"]["params"],
    ):
        for key, value in group.items():
            if not isinstance(value, dict):
                flat.setdefault(key, canonical(value).strip('"'))
    return flat
