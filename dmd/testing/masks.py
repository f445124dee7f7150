"""Masks that were made elsewhere as label maps of the test cases: their voxels, their classes, the way they lie."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dmd.data.labels import classes_of, require_values
from dmd.data.masks import find_masks
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.testing.metrics import require_labels

ON_SCAN = "in the voxels of each scan: bring them back to these"
ON_STORE = (
    "in the voxels of the prepared data of a scale: ask for the --scale that has these, or bring the masks to them"
)
TURNED = 0.1  # of Dice: masks that gain more by being turned do not lie as the scans do


def read_masks(place: Path, cases: Sequence[Case], values: Sequence[int], dimensions: int) -> list[np.ndarray]:
    """Return the label map of every case, uint8 in the voxels in which it is scored.

    Those are the voxels of the prepared scan, of a folder of scans those of the scan itself
    (`dmd.testing.evaluation.as_scored`), and a mask has them; parameters as of
    `dmd.data.masks.find_masks`, and ``values``, the number of each class in the masks, the background's first.

    Raises
    ------
    InputError
        A case has no mask or two, a mask no case; or one cannot be read, has another shape or holds what is no class;
        or all fit far better turned.
    """
    axes = 3 if any(case.own for case in cases) else dimensions  # labels of a folder keep the axes of their files
    masks = find_masks(place, [case.name for case in cases], axes)
    found = []
    for case, (where, labels) in zip(cases, masks, strict=True):
        whole = labels.astype(np.int64) if np.array_equal(labels, np.round(labels)) else labels
        if labels.shape != case.label.shape:
            raise InputError(
                f"{where}: expected the shape {_times(case.label.shape)} of case '{case.name}' "
                f"{'in its own file' if case.own else 'as it is prepared'}, found {_times(labels.shape)}. "
                f"Masks are measured {ON_SCAN if case.own else ON_STORE}"
            )
        found.append(_to_classes(whole, values, where, case.name))
    _require_as_the_scans(place, list(zip(cases, found, strict=True)))
    return found


def _to_classes(labels: np.ndarray, values: Sequence[int], where: Path, case: str) -> np.ndarray:
    if list(values) == list(range(len(values))):
        require_labels(labels, len(values), f"{where}, case '{case}'")
        return labels.astype(np.uint8)
    require_values(where, np.unique(labels).tolist(), values)
    return classes_of(labels, values)


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _require_as_the_scans(place: Path, masks: Sequence[tuple[Case, np.ndarray]]) -> None:
    """Require masks that do not fit far better when all are turned one way: with flipped or exchanged axes."""
    turns = [(order, axes) for order in itertools.permutations(range(3)) for axes in _subsets(range(3))]
    means = {turn: _fit(masks, *turn) for turn in turns}
    given, best = means[turns[0]], max(turns, key=lambda turn: means[turn])
    if means[best] > given + TURNED:
        raise InputError(
            f"{place}: expected masks in the voxel order of the scans, found ones that fit them with their "
            f"axes in the order {list(best[0])} and then {list(best[1])} reversed: Dice of the foreground "
            f"{means[best]:.2f} instead of {given:.2f}. Write them in the order of the scans"
        )


def _fit(masks: Sequence[tuple[Case, np.ndarray]], order: tuple[int, ...], axes: tuple[int, ...]) -> float:
    """Return the mean Dice of the foreground of turned masks; 0 for one that has another shape then."""
    return float(np.mean([_dice(np.flip(labels.transpose(order), axes), case.label) for case, labels in masks]))


def _dice(labels: np.ndarray, truth: np.ndarray) -> float:
    if labels.shape != truth.shape or not labels.any():
        return 0.0
    both = np.count_nonzero((labels > 0) & (truth > 0))
    return 2 * both / (np.count_nonzero(labels) + np.count_nonzero(truth))


def _subsets(axes: Iterable[int]) -> Iterator[tuple[int, ...]]:
    known = list(axes)
    return itertools.chain.from_iterable(itertools.combinations(known, count) for count in range(len(known) + 1))
