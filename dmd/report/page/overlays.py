"""The worst test cases: scan, ground truth and prediction, side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from dmd.data.store import Case, Store, load_store
from dmd.errors import InputError
from dmd.planning.identity import Spec, store_name
from dmd.report.naming import setting_name
from dmd.report.page.image import Picture, from_pixels
from dmd.report.panels.drawing import grey_window
from dmd.report.panels.regions import boundary, plane
from dmd.report.scores import Scores
from dmd.report.style import BLUE, ORANGE, YELLOW
from dmd.runs.folder import RunFolder
from dmd.testing.label_maps import read_predictions

COLOURS = (ORANGE, BLUE, YELLOW)  # of the foreground classes, apart in grey too
OPACITY = 0.55
SHOWN = 2  # cases of every row
SIDE, GAP = 220, 6  # pixels


@dataclass(frozen=True)
class Worst:
    """The worst cases of one row, and the colour of each class where there are several.

    ``missing`` says what they cannot be drawn without.
    """

    name: str
    pictures: tuple[Picture, ...]
    legend: tuple[tuple[str, str], ...] = ()
    missing: str = ""


def worst_cases(tables: Iterable[Scores], results: Path) -> Iterator[Worst]:
    """Yield the worst cases of every evaluated row, once where several tables share it.

    Parameters
    ----------
    tables : iterable of Scores
        Those of the tables.
    results : Path
        The folder that holds ``runs`` and ``data``.
    """
    stores: dict[Path, Store] = {}
    found = {row.runs: (row, number, scores) for scores in tables for number, row in enumerate(scores.artefact.rows)}
    for names, (row, number, scores) in found.items():
        if not names:
            continue
        training = scores.specs[names[0]].training
        path = results / "data" / f"{store_name(training['dataset'])}.h5"
        files = [path, *(RunFolder(results / "runs" / run).predictions for run in names)]
        absent = [file for file in files if not file.exists()]
        if absent:
            yield Worst(setting_name(row), (), missing=f"{absent[0]} is missing")
            continue
        worst = scores.by_case().loc[number].reset_index().sort_values("dice", kind="stable").drop_duplicates("case")
        try:
            if path not in stores:
                stores[path] = load_store(path, training["dataset"], parts=["test"])
            pictures = tuple(_pictures(setting_name(row), worst.head(SHOWN), scores.specs, results, stores[path]))
        except InputError as error:
            yield Worst(setting_name(row), (), missing=str(error))
            continue
        classes = stores[path].classes
        legend = tuple((name, colour(value)) for value, name in enumerate(classes) if value) if len(classes) > 2 else ()
        yield Worst(setting_name(row), pictures, legend)


def colour(value: int) -> str:
    """Return the colour of a foreground class."""
    return COLOURS[(value - 1) % len(COLOURS)]


def _pictures(of: str, worst: pd.DataFrame, specs: dict[str, Spec], results: Path, store: Store) -> Iterator[Picture]:
    cases = {case.name: case for case in store.cases("test")}
    for line in worst.to_dict("records"):
        case, spec = cases[line["case"]], specs[line["run"]]
        axis = 2 if spec.training["dimensions"] == 3 else 0
        run = RunFolder(results / "runs" / line["run"])
        [(_, prediction)] = read_predictions(run, spec, [case])
        index = worst_plane(prediction, case.label, axis)
        place = f"{case.name}, plane {index + 1} of {case.label.shape[axis]}"
        score = f"Dice of the whole scan {line['dice']:.1f} %"
        alt = f"{of}: scan, ground truth and prediction of test case {place}, {score}"
        yield from_pixels(overlay(case, prediction, index, axis), alt, f"{score}: {place}, run {line['run']}")


def worst_plane(prediction: np.ndarray, truth: np.ndarray, axis: int) -> int:
    """Return the index of the plane across ``axis`` with the most wrong voxels; without any, with most foreground."""
    others = tuple(other for other in range(truth.ndim) if other != axis)
    wrong = (prediction != truth).sum(axis=others)
    return int((wrong if wrong.any() else (truth > 0).sum(axis=others)).argmax())


def overlay(case: Case, prediction: np.ndarray, index: int, axis: int) -> np.ndarray:
    """Return scan, truth and prediction of a plane side by side as RGB pixels ``(height, width, 3)``, magnified."""
    window = grey_window(case.image)
    low, high = window["vmin"], window["vmax"]
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
    tints = np.array([to_rgb(colour(value)) for value in range(int(labels.max()) + 1)])[labels]
    return np.where(labels[..., None] > 0, (1 - OPACITY) * scan + OPACITY * tints, scan)


def _magnified(pixels: np.ndarray, factor: int) -> np.ndarray:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
