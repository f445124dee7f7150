"""How the intensities of a scan are brought to the range that a network was trained on."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from dmd.data.euclidean import bounding_box
from dmd.errors import InputError


def rule(name: str, window: Sequence[float] | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the rule of a name in the configuration; ``window`` is that of `ct`."""
    if window is not None:
        return partial(ct, window=window)
    return {"z_score": z_score, "z_score_box": z_score_box, "unchanged": unchanged}[name]


def unchanged(image: np.ndarray) -> np.ndarray:
    """Return intensities that were scaled before, as the public copies' were, as they are."""
    return image


def z_score(image: np.ndarray) -> np.ndarray:
    """Return ``(image - mean) / sd`` over the whole scan.

    In the type of ``image`` (floating point). As in yulequan/UA-MT:code/dataloaders/la_heart_processing.py, which crops
    afterwards.

    >>> z_score(np.array([1.0, 3.0]))
    array([-1.,  1.])

    Raises
    ------
    InputError
        All intensities are equal.
    """
    _require_contrast(image)
    return (image - image.mean()) / image.std()


def zero_to_one(image: np.ndarray) -> np.ndarray:
    """Return ``(image - min) / (max - min)`` over the whole scan, in [0, 1].

    In the type of ``image`` (floating point). As in HiLab-git/SSL4MIS:code/dataloaders/acdc_data_processing.py.

    >>> zero_to_one(np.array([1.0, 2.0, 5.0]))
    array([0.  , 0.25, 1.  ])

    Raises
    ------
    InputError
        All intensities are equal.
    """
    _require_contrast(image)
    return (image - image.min()) / np.ptp(image)


def z_score_box(image: np.ndarray) -> np.ndarray:
    """Return ``(image - mean) / sd`` with mean and sd over the smallest box that holds every voxel that is not 0.

    For scans that lie in a frame of zeros, as after a skull was taken away or a field of view was masked.

    >>> z_score_box(np.array([0.0, 1.0, 3.0, 0.0]))
    array([-2., -1.,  1., -2.])

    Raises
    ------
    InputError
        All intensities in the box are equal, or all are 0.
    """
    if not image.any():
        raise InputError("expected a scan with different intensities, found 0 everywhere")
    box = image[bounding_box(image != 0)]
    _require_contrast(box)
    return (image - box.mean()) / box.std()


def ct(image: np.ndarray, window: Sequence[float]) -> np.ndarray:
    """Return intensities of a CT from the lower to the higher end of a window as 0 to 1; what lies outside is cut.

    >>> ct(np.array([-1000.0, -100.0, 50.0, 900.0]), (-150, 250))
    array([0.   , 0.125, 0.5  , 1.   ])

    Raises
    ------
    InputError
        The whole scan is on one side of the window.
    """
    low, high = window
    cut = image.clip(low, high)
    if np.ptp(cut) == 0:
        raise InputError(
            f"expected intensities within the window from {low:g} to {high:g}, found {image.min():g} to "
            f"{image.max():g}; are these Hounsfield units?"
        )
    return (cut - low) / (high - low)


def _require_contrast(image: np.ndarray) -> None:
    if np.ptp(image) == 0:
        raise InputError(f"expected a scan with different intensities, found {image.flat[0]} everywhere")
