"""The worst test cases: scan, ground truth and prediction, side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from matplotlib.colors import to_rgb

from dmd.data.store import Case, Store, load_store
from dmd.planning.identity import store_name
from dmd.planning.plan import Artefact, Row
from dmd.report.page.cases import case_scores
from dmd.report.page.image import Picture, from_pixels
from dmd.report.page.naming import setting_name
from dmd.report.page.scores import evaluated
from dmd.report.panels.regions import boundary, plane
from dmd.report.style import BLUE, ORANGE, YELLOW
from dmd.runs.folder import RunFolder

COLOURS = (ORANGE, BLUE, YELLOW)  # of the foreground classes, apart in grey too
OPACITY = 0.55
SHOWN = 2  # cases of every row
SIDE, GAP = 220, 6  # pixels
CAPTION = (
    "The cases with the lowest Dice of each method, in the plane with the most wrong voxels. Left: the scan; middle: "
    "the ground truth; right: the prediction with the outline of the ground truth in white."
)


@dataclass(frozen=True)
class Worst:
    """The worst cases of one row, and the colour of each class where there are several.

    ``missing`` says what they cannot be drawn without.
    """

    name: str
    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, str], ...] = ()
    missing: str = ""


def worst_cases(artefacts: Iterable[Artefact], runs: Path, data: Path) -> Iterator[Worst]:
    """Yield the worst cases of every evaluated row, once where several tables share it.

    Parameters
    ----------
    artefacts : iterable of Artefact
        The tables.
    runs, data : Path
        Folders of the runs and of the prepared data sets.
    """
    stores: dict[Path, Store] = {}
    rows = {row.runs: row for artefact in artefacts for row in evaluated(artefact, runs).rows}
    for row in rows.values():
        training = RunFolder(runs / row.runs[0]).read_spec().training
        path = data / f"{store_name(training['dataset'])}.h5"
        absent = [
            file for file in (path, *(RunFolder(runs / run).predictions for run in row.runs)) if not file.exists()
        ]
        if absent:
            yield Worst(setting_name(row), (), missing=f"{absent[0]} is missing")
            continue
        if path not in stores:
            stores[path] = load_store(path, training["dataset"], parts=["test"])
        legend = tuple((name, colour(value)) for value, name in enumerate(stores[path].classes) if value)
        pictures = tuple(_pictures(row, training, runs, stores[path]))
        yield Worst(setting_name(row), pictures, legend if len(legend) > 1 else ())


def colour(value: int) -> str:
    """Return the colour of a foreground class."""
    return COLOURS[(value - 1) % len(COLOURS)]


def _pictures(row: Row, training: dict[str, Any], runs: Path, store: Store) -> Iterator[Picture]:
    cases = {case.name: case for case in store.cases("test")}
    worst = case_scores(row, runs).sort_values("dice", kind="stable").drop_duplicates("case").head(SHOWN)
    for line in worst.to_dict("records"):
        run, case = RunFolder(runs / line["run"]), cases[line["case"]]
        with h5py.File(run.predictions, "r") as file:
            prediction = file[case.name][()]
        axis = 2 if training["dimensions"] == 3 else 0
        index = worst_plane(prediction, case.label, axis)
        place = f"{case.name}, plane {index + 1} of {case.label.shape[axis]}"
        score = f"Dice {line['dice']:.1f} %"
        alt = f"{setting_name(row)}: scan, ground truth and prediction of test case {place}, {score}"
        yield from_pixels(overlay(case, prediction, index, axis), alt, f"{score}: {place}, run {run.id}")


def worst_plane(prediction: np.ndarray, truth: np.ndarray, axis: int) -> int:
    """Return the index of the plane across ``axis`` with the most wrong voxels; without any, with most foreground."""
    others = tuple(other for other in range(truth.ndim) if other != axis)
    wrong = (prediction != truth).sum(axis=others)
    return int((wrong if wrong.any() else (truth > 0).sum(axis=others)).argmax())


def overlay(case: Case, prediction: np.ndarray, index: int, axis: int) -> np.ndarray:
    """Return scan, truth and prediction of a plane side by side as RGB pixels ``(height, width, 3)``, magnified."""
    low, high = np.percentile(case.image, (1, 99))
    grey = np.clip((plane(case.image, index, axis) - low) / max(high - low, 1e-9), 0, 1)
    factor = max(1, round(SIDE / max(grey.shape)))
    scan = np.repeat(_magnified(grey, factor)[..., None], 3, axis=2)
    truth, predicted = (_magnified(plane(labels, index, axis), factor) for labels in (case.label, prediction))
    coloured = _colour(scan, predicted)
    for value in np.unique(truth[truth > 0]):
        coloured[boundary(truth == value)] = 1
    gap = np.ones((len(scan), GAP, 3))
    return (255 * np.hstack([scan, gap, _colour(scan, truth), gap, coloured])).round().astype(np.uint8)


def _colour(scan: np.ndarray, labels: np.ndarray) -> np.ndarray:
    coloured = scan.copy()
    for value in np.unique(labels[labels > 0]):
        here = labels == value
        coloured[here] = (1 - OPACITY) * coloured[here] + OPACITY * np.array(to_rgb(colour(int(value))))
    return coloured


def _magnified(pixels: np.ndarray, factor: int) -> np.ndarray:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
