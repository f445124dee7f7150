"""Batches as the published scripts make them, with NumPy and SciPy: what tensors must equal bit for bit."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from dmd.data.batches import TRANSFORM, Batches

Arrays = Sequence[np.ndarray]


def rotate_and_flip(arrays: Arrays, random: np.random.Generator) -> list[np.ndarray]:
    quarter_turns = int(random.integers(4))
    axis = int(random.integers(2))
    return [np.flip(np.rot90(array, quarter_turns), axis) for array in arrays]


def crop(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    shape = arrays[0].shape
    if any(size <= length for size, length in zip(shape, patch, strict=True)):
        margins = [max((length - size) // 2 + 3, 0) for size, length in zip(shape, patch, strict=True)]
        arrays = [np.pad(array, [(margin, margin) for margin in margins]) for array in arrays]
        shape = arrays[0].shape
    starts = [int(random.integers(size - length)) for size, length in zip(shape, patch, strict=True)]
    window = tuple(slice(start, start + length) for start, length in zip(starts, patch, strict=True))
    return [array[window] for array in arrays]


def augmented_volume(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    return crop(rotate_and_flip(arrays, random), patch, random)


def augmented_slice(arrays: Arrays, patch: Sequence[int], random: np.random.Generator) -> list[np.ndarray]:
    if random.random() < 0.5:
        arrays = rotate_and_flip(arrays, random)
    elif random.random() < 0.5:
        angle = int(random.integers(-20, 20))
        arrays = [ndimage.rotate(array, angle, order=0, reshape=False) for array in arrays]
    return [zoomed(array, patch) for array in arrays]


def zoomed(plane: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    return ndimage.zoom(plane, [after / before for before, after in zip(plane.shape, shape, strict=True)], order=0)


def batch(made: Batches, step: int) -> tuple[np.ndarray, ...]:
    """Return images, labels and the arrays that share their transforms."""
    random = np.random.default_rng([made.seed, TRANSFORM, step])
    labelled, unlabelled = made.indices(step)
    augmented = augmented_slice if len(made.patch) == 2 else augmented_volume
    seen = [augmented(made.labelled[index], made.patch, random) for index in labelled]
    unseen = [augmented(made.unlabelled[index], made.patch, random) for index in unlabelled]
    images = np.stack([arrays[0] for arrays in seen + unseen])[:, None]
    return images, *(np.stack(alike) for alike in list(zip(*seen, strict=True))[1:])
