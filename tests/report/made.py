"""Runs, rows and tables made up for tests, and what they are written into."""

import csv
import json
from pathlib import Path
from typing import Any

from records import vouch_for

from dmd.planning import plan
from dmd.planning.artefacts import Table
from dmd.planning.describe import describe_artefact
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import COLUMNS

TRAINING = {
    "dataset": {"name": "la", "revision": 1, "downsample": [1, 1, 1], "split": "ab12"},
    "dimensions": 3,
    "classes": 2,
    "labelled": 8,
    "method": {"implementation": "dmd", "revision": 1, "params": {}},
    "network": {"kind": "vnet", "width": 16},
    "patch": [112, 112, 80],
    "batch": {"size": 4, "labelled": 2},
    "iterations": 6000,
    "reference_iterations": 6000,
    "optimiser": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001},
    "schedule": {"kind": "constant"},
    "precision": "fp32",
    "selection": "last",
    "seed": 1,
    "code": 1,
}
MADE_UP = {"hd95_mm": "", "asd_mm": "", "predicted_voxels": 9, "reference_voxels": 9, "empty_prediction": 0}
SIZE = {"diagonal_voxel": 50, "diagonal_mm": ""}
NOTHING = {"dice": 0, "jaccard": 0, "hd95_voxel": "", "asd_voxel": "", "empty_prediction": 1, "predicted_voxels": 0}
PATIENTS = "abcdefgh"
BASE = [0.80, 0.82, 0.84, 0.86, 0.81, 0.83, 0.85, 0.87]


def line(case: str, index: int, dice: float, jaccard: float, hd95: float, asd: float, **other: Any) -> dict[str, Any]:
    """Return one line of test scores."""
    scores = {"dice": dice, "jaccard": jaccard, "hd95_voxel": hd95, "asd_voxel": asd}
    fixed = {"case": case, "patient": case, "class": index, "post_processing": "none"}
    return fixed | scores | MADE_UP | SIZE | other


def shifted(*shifts: float, hd95: float = 8.0) -> list[dict[str, Any]]:
    """Return test scores of eight patients: the base plus a shift each, in percentage points."""
    shifts = shifts * len(PATIENTS) if len(shifts) == 1 else shifts
    values = zip(PATIENTS, BASE, shifts, strict=True)
    return [line(name, 1, base + shift / 100, 0.7, hd95, 1.0) for name, base, shift in values]


def write_cases(run: RunFolder, lines: list[dict[str, Any]]) -> None:
    """Write test scores; the largest component scores as the whole does where a test says nothing else."""
    if all(entry["post_processing"] == "none" for entry in lines):
        lines = lines + [entry | {"post_processing": "largest_component"} for entry in lines]
    with run.cases.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    vouch_for(run)


def add_run(runs: Path, lines: list[dict[str, Any]], **settings: Any) -> RunFolder:
    """Return an evaluated run whose training settings differ from `TRAINING` in some."""
    spec = Spec(TRAINING | settings, {"stride": [18, 18, 4]})
    run = RunFolder(runs / spec.id)
    run.write_spec(spec)
    write_cases(run, lines)
    return run


def row(label: str, labelled: int, used: list[RunFolder], paper: dict[str, float], **changes: Any) -> plan.Row:
    """Return a row of a table; its method is its label in small letters."""
    settings = {
        "method": label.lower(),
        "label": label,
        "reconstructed": False,
        "dataset": "la",
        "labelled": labelled,
        "unlabelled": 80 - labelled,
        "params": {},
        "runs": tuple(run.id for run in used),
        "paper": paper,
    }
    return plan.Row(**settings | changes)


def table(*rows: plan.Row, scale: str = "paper", **form: Any) -> plan.Artefact[Table]:
    """Return a table of rows."""
    settings = {"kind": "table", "caption": "Left atrium.", "columns": ["dice", "hd95_voxel"]} | form
    return plan.Artefact("table3", scale, Table.model_validate(settings), rows)


def describe(folder: Path, artefact: plan.Artefact[Any]) -> Path:
    """Write the description of an artefact and return where it lies."""
    path = folder / f"{artefact.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(describe_artefact(artefact)))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
