"""Measure the segmentations of a run: one line per test case, class and post-processing."""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dmd.data.store import Case, load_store
from dmd.files import write_text
from dmd.progress import track
from dmd.runs.folder import RunFolder
from dmd.runs.vouching import vouch
from dmd.testing.label_maps import read_predictions, require_of_weights
from dmd.testing.metrics import diagonal, evaluate, largest_component

POST_PROCESSING = {"none": lambda mask: mask, "largest_component": largest_component}
SCORES = ("dice", "jaccard", "hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm")
COUNTS = ("predicted_voxels", "reference_voxels", "empty_prediction")
DIAGONALS = ("diagonal_voxel", "diagonal_mm")
COLUMNS = ("case", "patient", "class", "post_processing", *SCORES, *COUNTS, *DIAGONALS)


def evaluate_run(run: RunFolder, store: Path) -> None:
    """Write ``cases.csv`` with the metrics of every test case, and ``test.json`` with the settings behind them.

    Where a mask is empty the distances are left empty; how a table treats them is said there, and the diagonal of the
    volume stands in the line for those that penalise with it.
    Voxels are those of the prepared store; of a folder of scans those of each scan.

    Raises
    ------
    InputError
        A test case has no prediction, or none that can be trusted (`read_predictions`), or the weights are others than
        those that made them.
    """
    spec = run.read_spec()
    training = spec.training
    data = load_store(store, training["dataset"], parts=["test"])
    masks = read_predictions(run, spec, track(f"{run.id} evaluate", data.cases("test")))
    text = measure((_on_own_grid(*pair, training) for pair in masks), training["classes"])
    require_of_weights(run)
    run.test.unlink(missing_ok=True)  # killed before the last line, the scores are nobody's: the test is made again
    write_text(run.cases, text)
    vouch(run, run.test, {"testing": spec.testing}, [run.weights, run.predictions, run.cases])


def measure(masks: Iterable[tuple[Case, np.ndarray]], classes: int) -> str:
    """Return the text of ``cases.csv``: the metrics of label maps ``(*S)``, whoever made them, against their cases."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for case, labels in masks:
        size = dict(zip(DIAGONALS, map(_number, diagonal(case.label.shape, case.spacing_mm)), strict=True))
        for index in range(1, classes):
            for name, process in POST_PROCESSING.items():
                scores = evaluate(process(labels == index), case.label == index, case.spacing_mm)
                line = {"case": case.name, "patient": case.patient, "class": index, "post_processing": name}
                writer.writerow(line | {key: _number(getattr(scores, key)) for key in SCORES + COUNTS} | size)
    return text.getvalue()


def _on_own_grid(case: Case, labels: np.ndarray, training: dict[str, Any]) -> tuple[Case, np.ndarray]:
    """Return a case and its label map in the voxels in which it is scored: of a folder those of the scan."""
    if case.own is None:
        return case, labels
    from dmd.data.own_grid import to_own  # with SimpleITK, which takes its time

    back = to_own(labels, case.own, case.spacing_mm, training["dataset"]["downsample"], training["dimensions"])
    return as_scored(case), back


def as_scored(case: Case) -> Case:
    """Return a test case with the label and the voxels that it is scored in: of a folder those of its own file."""
    return replace(case, label=case.own.label, spacing_mm=case.own.spacing_mm) if case.own else case


def _number(value: float | int | bool) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(float(value))
    return str(int(value))
