"""Clones in which Snakemake runs on a cluster: prepared, waited for, their trainings frozen, the tables compared."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workflow.project import clone

from slurm.cluster import PATIENCE

MEASURED = ("hours", "processor_hours", "peak_memory_mb", "device")  # of the cost in a table
TABLE = "results/smoke/table1.csv"
THIN = ["--configfile", str(Path(__file__).with_name("thin.yaml")), "--", TABLE]


def edit(project: Path, old: str, new: str) -> None:
    """Fill in a line of the profile, before that of the cluster is made of it."""
    profile = project / "profiles/slurm/config.yaml"
    assert old in profile.read_text()
    profile.write_text(profile.read_text().replace(old, new))


def prepared(folder: Path, local: Path) -> Path:
    """A clone whose data are prepared and whose runs are not trained."""
    shutil.copytree(local / "results/data", clone(folder) / "results/data")
    return folder


def wait_until(what: Callable[[], bool], process: subprocess.Popen, project: Path) -> None:
    """Wait while Snakemake runs."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        assert process.poll() is None, (project / "snakemake.log").read_text()[-5000:]
        time.sleep(0.1)


def steps(run: Path) -> int:
    history = run / "history.jsonl"
    return history.read_bytes().count(b"\n") if history.exists() else 0


def owner(run: Path) -> dict:
    """Return who trains a run; nothing while the file comes or goes."""
    try:
        return json.loads((run / "owner.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def caught_in_mid_training(project: Path, process: subprocess.Popen) -> list[Path]:
    """Freeze the two trainings after some steps each, and return their folders by name: DMD first."""
    caught: set[Path] = set()

    def both() -> bool:
        for card in (project / "results/runs").glob("*/owner.json"):
            if card.parent not in caught and steps(card.parent) >= 5 and (found := owner(card.parent)):
                with suppress(ProcessLookupError):
                    os.kill(found["pid"], signal.SIGSTOP)
                    caught.add(card.parent)
        return len(caught) == 2

    wait_until(both, process, project)
    return sorted(caught)


def results_of(table: Path) -> list[dict[str, str]]:
    """Return the lines of a table without time, memory and device."""
    with table.open(newline="") as file:
        return [{name: line[name] for name in line if name not in MEASURED} for line in csv.DictReader(file)]


def require_the_same(project: Path, local: Path) -> None:
    """Compare the table but for what a machine took, and the weights and histories behind it, byte for byte."""
    assert results_of(project / TABLE) == results_of(local / TABLE)
    for name in ("history.csv", "weights.pt", "cases.csv"):
        for expected in sorted((local / "results/runs").glob(f"*/{name}")):
            assert (project / expected.relative_to(local)).read_bytes() == expected.read_bytes(), expected
    assert not list((project / "results/runs").glob("*/owner.json"))


def said(project: Path, run: Path) -> str:
    """Return the training's log; Snakemake takes the old one away before a job submitted again makes its own."""
    log = project / f"results/logs/train/{run.name}.log"
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def saved_in_mid_training(project: Path, run: Path) -> bool:
    """Say whether the last attempt went on from a state that only a signal can have saved: not a hundredth step."""
    found = re.search(r"going on from step (\d+)", said(project, run))
    return found is not None and 5 <= int(found[1]) < 60
