"""Go over the folders of runs: which are whole, torn or foreign."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from dmd.errors import InputError
from dmd.files import checksum
from dmd.runs.folder import ForeignError, RunFolder, read_json
from dmd.runs.tensors import DamagedError, load_tensors
from dmd.runs.vouching import SUMS, differing, read_record

GOOD = ("whole", "running", "started", "missing")


@dataclass(frozen=True)
class Finding:
    """How a run is: a word of `GOOD`, or "torn", "foreign"; and what says so."""

    run: RunFolder
    state: str
    reasons: tuple[str, ...] = ()


def examine(runs: Iterable[RunFolder]) -> Iterator[Finding]:
    """Yield how each run is; a file that another of them made is known as that one's."""
    runs = list(runs)
    makers = {sum_: f"{name} of {run.id}" for run in runs for name, sum_ in _sums(run)}
    for run in runs:
        faults = list(_faults(run, makers))
        states = [state for state, _ in faults]
        worst = next((state for state in ("foreign", "torn") if state in states), None)
        yield Finding(run, worst or _calm(run), tuple(reason for _, reason in faults))


def _calm(run: RunFolder) -> str:
    if run.is_trained or run.cases.exists():
        return "whole"
    return "started" if run.weights.exists() else run.stage


def _sums(run: RunFolder) -> Iterator[tuple[str, str]]:
    for record in (run.facts, run.test):
        content = read_json(record)
        if content.get("run") == run.id and isinstance(content.get(SUMS), dict):
            yield from content[SUMS].items()


def _faults(run: RunFolder, makers: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield from _of_spec(run)
    yield from _of_state(run)
    yield from _of_record(run, run.facts, (run.weights, run.history_table), makers)
    yield from _of_record(run, run.test, (run.cases,), makers)


def _of_spec(run: RunFolder) -> Iterator[tuple[str, str]]:
    try:
        run.read_spec()
    except InputError as error:
        yield "foreign" if isinstance(error, ForeignError) else "torn", str(error)


def _of_state(run: RunFolder) -> Iterator[tuple[str, str]]:
    if not run.state.exists():
        return
    try:
        found = load_tensors(run.state, torch.device("cpu"))["run"]
    except (DamagedError, LookupError, TypeError):
        yield "torn", f"{run.state.name} is damaged"
        return
    if found != run.id:
        yield "foreign", f"{run.state.name} is that of {found}"


def _of_record(
    run: RunFolder, record: Path, closed: tuple[Path, ...], makers: dict[str, str]
) -> Iterator[tuple[str, str]]:
    there = [path.name for path in closed if path.exists()]
    if not record.exists():
        # A training that was killed at its very end goes on from its state.
        if there and not (record == run.facts and run.state.exists()):
            yield "torn", f"{record.name} is away, which vouches for {', '.join(there)}"
        return
    try:
        content = read_record(run, record)
    except InputError as error:
        yield "foreign" if isinstance(error, ForeignError) else "torn", str(error)
        return
    wanted = {path.name for path in closed}  # predictions and snapshots may be deleted to save room
    for name in differing(run, content):
        path = run.path / name
        if path.exists():
            maker = makers.get(checksum(path))
            yield ("foreign", f"{name} is {maker}") if maker else ("torn", f"{name} was damaged or edited")
        elif name in wanted:
            yield "torn", f"{name} is away"
