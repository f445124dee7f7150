"""The runs of the page: what each cost, how it trained and how to repeat it."""

import json
import shlex
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from dmd.planning.identity import store_name
from dmd.planning.plan import Artefact
from dmd.report.cost import devices
from dmd.report.history import read_history
from dmd.report.naming import setting_name, title
from dmd.report.page.image import Picture, from_figure
from dmd.report.page.table import Grid, number
from dmd.report.picture import training_curve
from dmd.report.tables import ABSENT
from dmd.runs.folder import RunFolder
from dmd.runs.history import loss_terms
from dmd.runs.vouching import read_record

Entry = dict[str, Any]  # id, names and used_by (each name once), state; of a run that started all that `_entry` adds


def list_runs(artefacts: Iterable[Artefact[Any]], results: Path, most: int) -> tuple[list[Entry], list[Entry]]:
    """Return the runs behind artefacts, each once: those that exist and those that are missing.

    Of more than ``most`` that exist no training curve is drawn.

    Raises
    ------
    InputError
        A file of a run is not what it should be.
    """
    uses = defaultdict(list)
    for artefact in artefacts:
        for row in artefact.rows:
            for name in row.runs:
                uses[name].append((setting_name(row), title(artefact)))
    entries: list[Entry] = []
    missing: list[Entry] = []
    for name, pairs in uses.items():
        run, (names, used_by) = RunFolder(results / "runs" / name), map(dict.fromkeys, zip(*pairs, strict=True))
        entry = {"id": name, "names": list(names), "used_by": list(used_by), "state": run.stage}
        if entry["state"] == "missing":
            missing.append(entry)
        else:
            entries.append(entry | _entry(run, results))
    is_drawn = len(entries) <= most
    curves = ({"curve": _curve(RunFolder(results / "runs" / of["id"])) if is_drawn else None} for of in entries)
    return [entry | curve for entry, curve in zip(entries, curves, strict=True)], missing


def cost_table(entries: Iterable[Entry]) -> Grid:
    """Return what every run cost, as far as its training has ended."""
    note = (
        "Passes: of an image through a network, 1 forward and 2 for its gradient. Wall time and s per step count "
        "what else the machine did and that a training was stopped, processor time of all threads does not. Memory: of "
        "the process, on a GPU of the device. Attempts: 1 for a training that was never interrupted."
    )
    cells = pd.DataFrame(map(_cost, entries)).to_dict("list")
    return Grid("cost-table", "Every run that has started.", {("", str(name)): of for name, of in cells.items()}, note)


def _cost(entry: Entry) -> dict[str, str]:
    facts, nan = entry["facts"], float("nan")
    return {
        "Run": entry["id"],
        "Method": entry["names"][0],
        "Seed": str(entry["seed"]),
        "State": entry["state"],
        "Device": "; ".join(devices([facts])) or ABSENT,
        "Passes per step": number(facts.get("passes_per_step", nan), 1),
        "Wall time (min)": number(facts.get("wall_seconds", nan) / 60, 1),
        "Processor time (min)": number(facts.get("processor_seconds", nan) / 60, 1),
        "s per step": number(facts.get("seconds_per_step", nan), 3),
        "Peak memory (MB)": number(facts.get("peak_memory_mb", nan), 0),
        "Attempts": number(len(facts.get("attempts", ())) or nan, 0),
    }


def _entry(run: RunFolder, results: Path) -> Entry:
    """Return settings and facts of a run, and how its numbers are made again by hand."""
    spec = run.read_spec()
    store = results / "data" / f"{store_name(spec.training['dataset'])}.h5"
    where = shlex.join([str(run.path), "--store", str(store)])
    return {
        "seed": spec.training["seed"],
        "facts": read_record(run, run.facts) if run.facts.exists() else {},
        "spec": json.dumps(asdict(spec), indent=2),
        "by_hand": [f"dmd step {step} {where}" for step in ("train", "test")],
    }


def _curve(run: RunFolder) -> Picture | None:
    history = read_history(run)
    if history.empty:
        return None
    loss, terms = history["loss"], ", ".join(loss_terms(history.columns))
    values = f"loss from {loss.iloc[0]:.3f} to {loss.iloc[-1]:.3f} in {len(loss)} steps"
    return from_figure(training_curve(history), f"Training of {run.id}: {values}; terms: {terms}.")
