"""What `dmd plan` prints: the runs of a plan, who wants each, and how far each is."""

import json
from pathlib import Path
from typing import Any

import yaml

from dmd.errors import InputError
from dmd.plan import Plan, Run, canonical
from dmd.rundir import RunDir


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
            value in run.methods if key == "method" else _flat(run.spec).get(key) == value
            for key, value in wanted.items()
        )
    ]


def show(runs: list[Run], folder: Path, *, as_json: bool = False) -> None:
    """Print one line per run and the number of runs in each state."""
    rows = [{"run": run.id, "state": progress(RunDir(folder / run.id)), "wanted_by": run.wanted_by} for run in runs]
    if as_json:
        print(json.dumps([row | {"spec": run.spec} for row, run in zip(rows, runs, strict=True)], indent=2))
        return
    width = max((len(row["run"]) for row in rows), default=0)
    for row in rows:
        print(f"{row['run']:<{width}}  {row['state']:<9}  {', '.join(row['wanted_by'])}")
    states = [row["state"] for row in rows]
    print(f"{len(rows)} runs: " + ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


def orphans(plan: Plan, folder: Path) -> list[str]:
    """Return the names of run folders that no artefact wants any more."""
    found = sorted(path.parent.name for path in folder.glob("*/spec.json"))
    return [name for name in found if name not in plan.runs]


def progress(run: RunDir) -> str:
    """Return ``missing``, ``started``, ``trained`` or ``evaluated``."""
    if run.cases.exists():
        return "evaluated"
    if run.weights.exists():
        return "trained"
    return "started" if run.state.exists() or run.journal.exists() else "missing"


def _pair(condition: str) -> tuple[str, str]:
    key, sign, value = condition.partition("=")
    if not sign:
        raise InputError(f"expected key=value, found '{condition}', e.g. method=dmd temperature=2")
    return key, canonical(yaml.safe_load(value)).strip('"')


def _scale(artefact: str) -> str:
    return artefact.split("/")[0] if "/" in artefact else "paper"


def _flat(spec: dict[str, Any]) -> dict[str, str]:
    """Return every setting by its own name, as text in canonical form."""
    flat = {"dataset": spec["dataset"]["name"]}
    for group in (spec, *(value for value in spec.values() if isinstance(value, dict)), spec["method"]["params"]):
        for key, value in group.items():
            if not isinstance(value, dict):
                flat.setdefault(key, canonical(value).strip('"'))
    return flat
