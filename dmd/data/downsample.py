"""Downsampling by whole factors: means for images, majorities for labels."""

from collections.abc import Sequence

import numpy as np


def downsample_image(image: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Return the mean over blocks of ``factors`` voxels, float32.

    A trailing plane that fills no block is cropped. Factors of 1 return the image as it is.
    """
    blocks, within = _blocks(image, factors)
    return blocks.mean(axis=within, dtype=np.float64).astype(np.float32)


def downsample_label(label: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Return the most frequent class of blocks of ``factors`` voxels, uint8.

    Of classes that are equally frequent the highest wins, so that thin walls survive (our choice).
    """
    blocks, within = _blocks(label, factors)
    most = np.zeros([size for axis, size in enumerate(blocks.shape) if axis not in within], np.intp)
    majority = np.zeros(most.shape, np.uint8)
    for present in np.unique(label):
        count = np.count_nonzero(blocks == present, axis=within)
        majority[count >= most] = present
        most = np.maximum(most, count)
    return majority


def _blocks(array: np.ndarray, factors: Sequence[int]) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the cropped array as ``(n0, f0, n1, f1, ...)`` and the axes that run within a block."""
    counts = [size // factor for size, factor in zip(array.shape, factors, strict=True)]
    cropped = array[tuple(slice(count * factor) for count, factor in zip(counts, factors, strict=True))]
    shape = [size for pair in zip(counts, factors, strict=True) for size in pair]
    return cropped.reshape(shape), tuple(range(1, 2 * array.ndim, 2))
