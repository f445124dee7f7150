"""Random transforms of the published training scripts, applied alike to an image and its label.

What is random is drawn first, for a case of some shape; what comes of it is a function that moves any tensor of that
shape, on its device and without a look at it from the host. Values are moved, never computed, so that a transform is
the same bits everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from dmd.data.resize import zoom_nearest
from dmd.data.rotate import rotate_nearest

Transform = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pose:
    """A symmetry of the first two axes: they swap or not, then some of them are flipped."""

    swapped: bool
    flipped: tuple[int, ...]

    @staticmethod
    def draw(random: np.random.Generator) -> "Pose":
        """Rotate by k * 90 degrees in the first two axes, then flip one of them; k and the axis are uniform.

        The flip always happens: the scripts have no branch without it, so that of the eight poses of a plane only the
        four mirrored ones are seen (yulequan/UA-MT:code/dataloaders/la_heart.py, RandomRotFlip).
        """
        quarter_turns = int(random.integers(4))
        axis = int(random.integers(2))
        # A quarter turn swaps the axes and flips the first, three flip the second, two flip both and swap none.
        by_turns = ((), (0,), (0, 1), (1,))[quarter_turns]
        return Pose(quarter_turns % 2 == 1, tuple(sorted({*by_turns} ^ {axis})))

    def shape(self, before: Sequence[int]) -> tuple[int, ...]:
        """Return the shape that an array of the shape ``before`` gets."""
        first, second, *others = before
        return (second, first, *others) if self.swapped else (first, second, *others)

    def of(self, array: Tensor) -> Tensor:
        """Return an array in this pose."""
        return self._swap(array).flip(self.flipped)

    def window_of(self, array: Tensor, starts: Sequence[int], patch: Sequence[int]) -> Tensor:
        """Return the window of an array in this pose that begins at ``starts``: cut first, so that little is moved."""
        swapped = self._swap(array)
        mirrored = [
            size - start - length if axis in self.flipped else start
            for axis, (size, start, length) in enumerate(zip(swapped.shape, starts, patch, strict=True))
        ]
        return _window(swapped, mirrored, patch).flip(self.flipped)

    def _swap(self, array: Tensor) -> Tensor:
        return array.transpose(0, 1) if self.swapped else array


def draw_window(shape: Sequence[int], patch: Sequence[int], random: np.random.Generator) -> list[int]:
    """Return where a patch begins, a uniformly drawn place (yulequan/UA-MT:code/dataloaders/la_heart.py, RandomCrop).

    The offset of each axis is uniform in [0, size - patch - 1]: the last place is never drawn, as in the
    script. If any axis is no larger than the patch, every axis is first padded with zeros on both
    sides by max((patch - size) // 2 + 3, 0); a start below 0 lies there.
    """
    margins = [0] * len(shape)
    if any(size <= length for size, length in zip(shape, patch, strict=True)):
        margins = [max((length - size) // 2 + 3, 0) for size, length in zip(shape, patch, strict=True)]
    return [
        int(random.integers(size + 2 * margin - length)) - margin
        for size, margin, length in zip(shape, margins, patch, strict=True)
    ]


def augment_volume(shape: Sequence[int], patch: Sequence[int], random: np.random.Generator) -> Transform:
    """Draw a transform of a volume (X, Y, Z): rotate and flip in the x-y plane, then crop to the patch."""
    pose = Pose.draw(random)
    starts = draw_window(pose.shape(shape), patch, random)
    return lambda volume: pose.window_of(volume, starts, patch)


def augment_slice(shape: Sequence[int], patch: Sequence[int], random: np.random.Generator) -> Transform:
    """Draw a transform of a slice (X, Y), which resizes it to the patch with nearest-neighbour interpolation.

    With probability 1/2 rotate and flip as in a volume; else with probability 1/2 rotate by a whole angle uniform in
    [-20, 19] degrees with order 0 and zeros outside; else leave it (HiLab-git/SSL4MIS:code/dataloaders/dataset.py
    before 2025, RandomGenerator; the published tables were made with it).
    """
    if random.random() < 0.5:
        pose = Pose.draw(random)
        return lambda plane: zoom_nearest(pose.of(plane), patch)
    if random.random() < 0.5:
        angle = int(random.integers(-20, 20))
        return lambda plane: zoom_nearest(rotate_nearest(plane, angle), patch)
    return lambda plane: zoom_nearest(plane, patch)


def _window(array: Tensor, starts: Sequence[int], patch: Sequence[int]) -> Tensor:
    """Return a patch of an array, with zeros where it reaches beyond."""
    ends = [start + length for start, length in zip(starts, patch, strict=True)]
    if all(start >= 0 and end <= size for start, end, size in zip(starts, ends, array.shape, strict=True)):
        return array[tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))]
    padded = array.new_zeros(tuple(patch))
    there = [
        (min(max(start, 0), size), min(max(end, 0), size))
        for start, end, size in zip(starts, ends, array.shape, strict=True)
    ]
    here = tuple(slice(first - start, last - start) for (first, last), start in zip(there, starts, strict=True))
    padded[here] = array[tuple(slice(first, last) for first, last in there)]
    return padded
