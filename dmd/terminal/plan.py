"""What `dmd plan` prints: the runs of a plan, how far each is and how long the rest will take."""

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dmd.planning.identity import Spec
from dmd.planning.plan import Plan, Run
from dmd.runs.folder import RunFolder
from dmd.runs.history import last_steps
from dmd.terminal import cost, failure
from dmd.terminal.failure import Failure
from dmd.terminal.find import asked, find, tell_apart
from dmd.terminal.settings import iterations

# Keys of a run in the output of `dmd plan --json`.
KEYS = """\
--json prints a list with one object per run, in the order of the plan:
  run           id, the name of the folder in results/runs
  state         missing, started (interrupted), running, trained, evaluated,
                failed
  step          steps of the training that are done
  iterations    steps of the whole training
  seconds_left  of training, on one device, as fast as it was measured;
                null where nothing was
  failure       step, name, reason, log, status of what failed; else null
  wanted_by     artefacts that use the run
  spec          settings of the run"""


@dataclass(frozen=True)
class Standing:
    """How far a run is; the names are keys of `dmd plan --json`."""

    state: str
    step: int
    iterations: int
    seconds_left: float | None
    failure: Failure | None = None


def show(plan: Plan, words: Sequence[str], scale: str | None, folder: Path, times: cost.StepTimes) -> None:
    """Print one line per run that is asked for, and a last one: runs in each state, time left.

    Parameters
    ----------
    plan, words, scale
        As in `dmd.terminal.find.find`.
    folder : Path
        Where runs lie.
    times : StepTimes
        Measured step times, for the time left.
    """
    runs = find(plan, words, scale)
    orphans = find_orphans(plan, folder)
    if orphans:
        print(f"in {folder} but in no plan: {', '.join(orphans)}")
    standings = [standing(RunFolder(folder / run.id), run.spec, times) for run in runs]
    about = tell_apart(plan, runs, asked(plan, words, scale))
    lines = [[run.id, _state(now), _left(now), about[run.id]] for run, now in zip(runs, standings, strict=True)]
    if all("=" in word for word in words):  # else all are behind the artefact that was named
        lines = [[*line, ", ".join(run.wanted_by)] for line, run in zip(lines, runs, strict=True)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(f"{entry:<{width}}" for entry, width in zip(line, widths, strict=True)).rstrip())
    print(_totals(standings))
    failures = {now.failure for now in standings if now.failure}
    if failures:
        print("\n".join(["failed:", *sorted(map(failure.lines, failures))]))


def show_json(runs: list[Run], folder: Path, times: cost.StepTimes) -> None:
    """Print what `KEYS` explains."""
    rows = [
        {
            "run": run.id,
            **asdict(standing(RunFolder(folder / run.id), run.spec, times)),
            "wanted_by": run.wanted_by,
            "spec": asdict(run.spec),
        }
        for run in runs
    ]
    print(json.dumps(rows, indent=2))


def find_orphans(plan: Plan, folder: Path) -> list[str]:
    """Return the names of run folders that no artefact wants any more."""
    found = sorted(path.parent.name for path in folder.glob("*/spec.json"))
    return [name for name in found if name not in plan.runs]


def standing(run: RunFolder, spec: Spec, times: cost.StepTimes) -> Standing:
    """Return how far a run is and how long its training will still take.

    Its own pace counts while it trains, else the step times that were measured on the fastest device.
    """
    state, whole = run.stage, iterations(spec)
    if state == "evaluated" and run.tested_with != spec.testing:
        state = "trained"  # its scores are of other settings of the test
    failed = failure.of_run(run, spec, state)
    if state in ("trained", "evaluated"):
        return Standing("failed" if failed else state, whole, whole, 0.0, failed)
    lately = last_steps(run.history) if state != "missing" else []
    step, seconds = lately[-1]["step"] if lately else 0, times.get(cost.key(spec))
    pace = _pace(lately) if state == "running" else None
    pace = pace or (seconds[cost.fastest(seconds)] if seconds else None)
    left = None if pace is None else round(pace * (whole - step), 1)
    return Standing("failed" if failed else state, step, whole, left, failed)


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    >>> clock(3723)
    '1:02:03'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _pace(lately: list[dict[str, Any]]) -> float | None:
    """Return seconds per step, the pause before a run was resumed left out."""
    between = [after["time"] - before["time"] for before, after in pairwise(lately)]
    if not between:
        return None
    longest = 10 * statistics.median(between)
    return statistics.mean(min(pause, longest) for pause in between) / 1000


def _state(now: Standing) -> str:
    return f"{now.state} {now.step}/{now.iterations}" if now.state in ("running", "started", "failed") else now.state


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
    return "; ".join([f"{len(standings)} runs: {counted}", *left])
