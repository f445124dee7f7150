"""Random transforms of the published training scripts, applied alike to an image and its label.

Every function takes the arrays of one case (image, or image and label), which share their transform, and a numpy
generator; rotation by 90 degrees, flip and crop are views, so a patch is copied once, by whoever stacks the batch.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from dmd.data.resize import zoom_nearest

Arrays = Sequence[np.ndarray]


def rotate_and_flip(arrays: Arrays, random: np.random.Generator) -> list[np.ndarray]:
    """Rotate by k * 90 degrees in the first two axes, then flip one of them; k and the axis are uniform.

    The flip always happens: the scripts have no branch without it, so that of the eight poses of a plane only the
    four mirrored ones are seen (yulequan/UA-MT:code/dataloaders/la_heart.py, RandomRotFlip).
    """
    quarter_turns = int(random.integers(4))
    axis = int(random.integers(2))
    return [np.flip(np.rot90(array, quarter_turns), axis) for array in arrays]


def crop(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    """Cut a patch at a uniformly drawn place (yulequan/UA-MT:code/dataloaders/la_heart.py, RandomCrop).

    The offset of each axis is uniform in [0, size - patch - 1]: the last place is never drawn, as in the
    script. If any axis is no larger than the patch, every axis is first padded with zeros on both
    sides by max((patch - size) // 2 + 3, 0).
    """
    shape = arrays[0].shape
    if any(size <= length for size, length in zip(shape, patch, strict=True)):
        margins = [max((length - size) // 2 + 3, 0) for size, length in zip(shape, patch, strict=True)]
        arrays = [np.pad(array, [(margin, margin) for margin in margins]) for array in arrays]
        shape = arrays[0].shape
    starts = [int(random.integers(size - length)) for size, length in zip(shape, patch, strict=True)]
    window = tuple(slice(start, start + length) for start, length in zip(starts, patch, strict=True))
    return [array[window] for array in arrays]


def augment_volume(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    """Transform a volume (X, Y, Z): rotate and flip in the x-y plane, then crop to the patch."""
    return crop(rotate_and_flip(arrays, random), patch, random)


def augment_slice(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    """Transform a slice (X, Y) and resize it to the patch with nearest-neighbour interpolation.

    With probability 1/2 rotate and flip as in a volume; else with probability 1/2 rotate by a whole angle uniform in
    [-20, 19] degrees with order 0 and zeros outside; else leave it (HiLab-git/SSL4MIS:code/dataloaders/dataset.py
    before 2025, RandomGenerator; the published tables were made with it).
    """
    if random.random() < 0.5:
        arrays = rotate_and_flip(arrays, random)
    elif random.random() < 0.5:
        angle = int(random.integers(-20, 20))
        arrays = [ndimage.rotate(array, angle, order=0, reshape=False) for array in arrays]
    return [zoom_nearest(array, patch) for array in arrays]
