"""The runs of the page: what each cost, how it trained and how to repeat it."""

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.planning.identity import store_name
from dmd.planning.plan import Artefact
from dmd.report.page.image import Picture
from dmd.report.page.naming import setting_name, title
from dmd.report.page.table import ABSENT, Cell, Column, Table, number
from dmd.report.page.training import training_curve
from dmd.runs.folder import RunFolder


@dataclass(frozen=True)
class Entry:
    """A run that at least started; ``by_workflow``, in a fresh clone, and ``by_hand`` make its numbers again."""

    id: str
    names: tuple[str, ...]
    used_by: tuple[str, ...]
    state: str
    seed: int
    facts: dict[str, Any]
    curve: Picture | None
    spec: str
    by_workflow: str
    by_hand: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """A run that an artefact asks for and that did not start."""

    id: str
    names: tuple[str, ...]
    used_by: tuple[str, ...]


def list_runs(artefacts: Iterable[Artefact], results: Path) -> tuple[list[Entry], list[Missing]]:
    """Return the runs behind artefacts, each once: those that exist and those that are missing.

    Raises
    ------
    InputError
        A file of a run is not what it should be.
    """
    names: dict[str, dict[str, None]] = {}
    used_by: dict[str, dict[str, None]] = {}
    for artefact in artefacts:
        for row in artefact.rows:
            for run in row.runs:
                names.setdefault(run, {})[setting_name(row)] = None
                used_by.setdefault(run, {})[title(artefact)] = None
    entries, missing = [], []
    for name in names:
        run, place = RunFolder(results / "runs" / name), (name, tuple(names[name]), tuple(used_by[name]))
        if run.stage == "missing":
            missing.append(Missing(*place))
        else:
            entries.append(_entry(run, *place, results))
    return entries, missing


def cost_table(entries: Iterable[Entry]) -> Table:
    """Return what every run cost, as far as its training has ended."""
    columns = [Column("Run", words=True), Column("Method", words=True), Column("Seed"), Column("State", words=True)]
    columns += [Column("Device", words=True), *(Column(name) for name in ("Wall time (min)", "s per step"))]
    columns += [Column("Peak memory (MB)"), Column("Attempts")]
    note = "Memory: of the process, on a GPU of the device. Attempts: 1 for a training that was never interrupted."
    return Table(
        "cost-table", "Every run that has started.", tuple(columns), tuple(_cost(entry) for entry in entries), note
    )


def _cost(entry: Entry) -> tuple[Cell, ...]:
    facts = entry.facts
    nan = float("nan")
    return (
        Cell("", links=((entry.id, entry.id),)),
        Cell(entry.names[0]),
        Cell(str(entry.seed), entry.seed),
        Cell(entry.state),
        Cell(facts["device"]) if "device" in facts else Cell(ABSENT, look="missing"),
        number(facts.get("wall_seconds", nan) / 60, 1),
        number(facts.get("seconds_per_step", nan), 3),
        number(facts.get("peak_memory_mb", nan), 0),
        number(len(facts["attempts"]) if "attempts" in facts else nan, 0),
    )


def _entry(run: RunFolder, name: str, names: tuple[str, ...], used_by: tuple[str, ...], results: Path) -> Entry:
    spec = run.read_spec()
    folder = shlex.quote(str(run.path))
    store = shlex.quote(str(results / "data" / f"{store_name(spec.training['dataset'])}.h5"))
    return Entry(
        id=name,
        names=names,
        used_by=used_by,
        state=run.stage,
        seed=spec.training["seed"],
        facts=_facts(run),
        curve=training_curve(run),
        spec=json.dumps(asdict(spec), indent=2),
        by_workflow=f"snakemake --cores 2 -- results/runs/{name}/cases.csv",
        by_hand=tuple(f"dmd step {step} {folder} --store {store}" for step in ("train", "test")),
    )


def _facts(run: RunFolder) -> dict[str, Any]:
    if not run.facts.exists():
        return {}
    try:
        return json.loads(run.facts.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"expected the facts of a trained run at {run.facts}: {error}; delete the file and train the run again"
        ) from None
