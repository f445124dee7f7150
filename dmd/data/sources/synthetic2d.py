"""Synthetic stand-in for ACDC: a left ventricle in its ring of muscle and the right ventricle beside it.

A case is a function of its name alone. A patient has one anatomy, relaxed (frame01) or contracted (frame02).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from dmd.data.intensity import zero_to_one
from dmd.data.sources.shapes import Grid, ellipsoid, generator, grid, near, smooth_noise

LAYOUT = "The synthetic set is made on the fly; no folder is needed."

# Labels as in ACDC.
RIGHT_VENTRICLE, MYOCARDIUM, LEFT_VENTRICLE = 1, 2, 3

# Our choices throughout; lengths are in pixels. Planes exceed a patch of 32 x 32 by at least 4 per axis.
SMALLEST, LARGEST = (4, 38, 40), (5, 42, 46)
BLOOD, MUSCLE, TISSUE, TEXTURE = 1.0, 0.35, 0.5, 0.12
SHADING, NOISE = 0.3, 0.08

normalise = zero_to_one


@dataclass(frozen=True)
class Heart:
    """Anatomy of a patient at the base of the heart, in one frame."""

    centre: np.ndarray
    cavity: float
    wall: float
    direction: float
    right: np.ndarray

    def contracted(self) -> "Heart":
        """Return the heart at the end of systole: smaller cavities, thicker wall."""
        return Heart(self.centre, 0.75 * self.cavity, 1.3 * self.wall, self.direction, 0.85 * self.right)


def cases(patient: str) -> list[str]:
    """Return the two frames of a patient: end of diastole, end of systole."""
    return [f"{patient}_frame01", f"{patient}_frame02"]


def read(folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Make a case ``(slices, Y, X)``: image float32 in [0, 1], label uint8, 0 to 3; ``folder`` is ignored."""
    patient, frame = case.rsplit("_", 1)
    anatomy = generator(patient)
    shape = anatomy.integers(SMALLEST, LARGEST, endpoint=True)
    heart = _heart(shape, anatomy)
    label = _label(heart.contracted() if frame == "frame02" else heart, shape)
    return _image(label, generator(case)), label


def _heart(shape: np.ndarray, random: np.random.Generator) -> Heart:
    return Heart(
        centre=shape[1:] / 2 + (4, 0) + random.uniform(-2, 2, 2),
        cavity=random.uniform(6.5, 8),
        wall=random.uniform(2.8, 3.6),
        direction=np.pi + random.uniform(-0.9, 0.9),
        right=random.uniform((6, 9), (7.5, 11)),
    )


def _label(heart: Heart, shape: np.ndarray) -> np.ndarray:
    """Draw slice by slice from the base of the heart to its narrower apex."""
    label = np.zeros(shape, np.uint8)
    plane = grid(shape[1:])
    for index, scale in enumerate(np.linspace(1, 0.6, shape[0])):
        outer = scale * heart.cavity + heart.wall
        aside = (outer + 0.3 * heart.right[0]) * np.array([np.cos(heart.direction), np.sin(heart.direction)])
        right = ellipsoid(plane, heart.centre + aside, scale * heart.right, heart.direction)
        label[index][right] = RIGHT_VENTRICLE
        label[index][_disc(plane, heart.centre, outer)] = MYOCARDIUM
        label[index][_disc(plane, heart.centre, scale * heart.cavity)] = LEFT_VENTRICLE
    return label


def _image(label: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Paint the classes, other structures as bright and as dark, shading and noise; scale to [0, 1]."""
    brightness = TISSUE + TEXTURE * smooth_noise(label.shape, 1.5, random)
    plane = grid(label.shape[1:])
    for shade in (BLOOD, MUSCLE):
        for _ in range(random.integers(4, 6, endpoint=True)):
            spot = random.uniform(0, np.subtract(label.shape[1:], 1))
            blob = ellipsoid(plane, spot, random.uniform(2, 5, 2), random.uniform(0, np.pi))
            brightness[np.broadcast_to(blob, label.shape) & ~near(label > 0)] = shade
    brightness[label == MYOCARDIUM] = MUSCLE
    brightness[(label == LEFT_VENTRICLE) | (label == RIGHT_VENTRICLE)] = BLOOD
    shading = 1 + SHADING * np.tanh(smooth_noise(label.shape, 7, random))
    noise = NOISE * random.standard_normal(label.shape, np.float32)
    image = gaussian_filter(brightness, (0, 0.6, 0.6)) * shading + noise
    return normalise(image)


def _disc(plane: Grid, centre: np.ndarray, radius: float) -> np.ndarray:
    return ellipsoid(plane, centre, (radius, radius))
