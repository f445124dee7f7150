"""How the intensities of a scan are brought to the range that a network was trained on."""

import numpy as np

from dmd.errors import InputError


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


def _require_contrast(image: np.ndarray) -> None:
    if np.ptp(image) == 0:
        raise InputError(f"expected a scan with different intensities, found {image.flat[0]} everywhere")
