"""A probability atlas of the labelled cases: how often each class lies at a place."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def atlas(labels: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """Return the mean of the label maps on a common grid, without registration.

    Parameters
    ----------
    labels : sequence of np.ndarray
        Label maps ``(*S_n)`` of any sizes; at least one.
    classes : int
        Number of classes C including the background.

    Returns
    -------
    np.ndarray
        float32 ``(C - 1, *G)``: the probability of each foreground class, in [0, 1], sum <= 1. G is the median size of
        the label maps; each is resampled to it linearly, corner to corner.
    """
    grid = tuple(int(size) for size in np.median([label.shape for label in labels], axis=0))
    return np.mean([[_resample(label == index, grid) for index in range(1, classes)] for label in labels], axis=0)


def surprise(atlas: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return 1 minus the atlas's probability of the true class of every voxel.

    Parameters
    ----------
    atlas : np.ndarray
        ``(C - 1, *G)`` from `atlas`; the background has the rest of the probability.
    label : np.ndarray
        ``(*S)`` integers in 0..C-1.

    Returns
    -------
    np.ndarray
        float32 ``(*S)`` in [0, 1]; 0 where the atlas has no doubt.

    >>> surprise(np.array([[0.0, 0.25, 1.0]], np.float32), np.array([0, 1, 1]))
    array([0.  , 0.75, 0.  ], dtype=float32)
    """
    foreground = np.stack([_resample(probability, label.shape) for probability in atlas])
    return 1 - np.choose(label, [1 - foreground.sum(axis=0), *foreground]).clip(0, 1)


def _resample(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    factors = [after / before for before, after in zip(array.shape, shape, strict=True)]
    return ndimage.zoom(array.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True)
