"""Synthetic stand-in for LA: an atrium-like body with thin veins among structures as bright as itself.

A case is a function of its name alone. Shape tells the atrium from the vessel and the blobs around it,
brightness does not.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from dmd.data.intensity import z_score
from dmd.data.sources.shapes import Grid, ellipsoid, generator, grid, near, smooth_noise, tube

LAYOUT = "The synthetic set is made on the fly; no folder is needed."

# Our choices throughout; lengths are in voxels. Sizes exceed a patch of 32 x 32 x 16 by at least 4 per axis.
SMALLEST, LARGEST = (42, 38, 22), (46, 42, 26)
BLOOD, TISSUE, TEXTURE = 1.0, 0.45, 0.12
SHADING, NOISE = 0.3, 0.15

normalise = z_score


def cases(patient: str) -> list[str]:
    """Return the one scan of a patient; both have the same name."""
    return [patient]


def read(folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    """Make a case ``(X, Y, Z)``: image float32, z-scored; label uint8 in {0, 1}. ``folder`` is ignored."""
    random = generator(case)
    shape = random.integers(SMALLEST, LARGEST, endpoint=True)
    points = grid(shape)
    centre = shape / 2 + random.uniform(-2, 2, 3)
    atrium = _atrium(points, centre, random)
    others = _others(points, centre, shape, random) & ~near(atrium)
    return _image(atrium, others, random), atrium.astype(np.uint8)


def _atrium(points: Grid, centre: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a body of two fused ellipsoids and four veins that bend as they leave it."""
    angle = random.uniform(-0.5, 0.5)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    radii = random.uniform((10.5, 8, 5.5), (13, 10, 7))
    mask = ellipsoid(points, centre, radii, angle)
    lobe = centre + turn @ (radii * random.uniform((-0.6, 0.1, -0.3), (0.6, 0.6, 0.3)))
    mask |= ellipsoid(points, lobe, radii * random.uniform(0.55, 0.8), angle)
    for side in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        start = centre + turn @ (radii * (*np.multiply(side, 0.5), random.uniform(-0.3, 0.3)))
        bend = start + turn @ ((*side, 0) * random.uniform((4, 3, 0), (7, 5, 0)))
        end = bend + turn @ ((*side, 1) * random.uniform((2, 1, -4), (6, 5, 4)))
        radius = random.uniform(1.2, 2.0)
        mask |= tube(points, start, bend, radius) | tube(points, bend, end, radius)
    return mask


def _others(points: Grid, centre: np.ndarray, shape: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a vessel along z, as the aorta lies beside the atrium, and blobs anywhere."""
    direction = random.uniform(0, 2 * np.pi)
    beside = centre + np.array([19 * np.cos(direction), 17 * np.sin(direction), 0])
    up = np.array([*random.uniform(-3, 3, 2), shape[2]])
    mask = tube(points, beside - up, beside + up, random.uniform(3, 4.5))
    for _ in range(random.integers(6, 9, endpoint=True)):
        spot = random.uniform(0, shape - 1)
        mask |= ellipsoid(points, spot, random.uniform(2.5, 5.5, 3), random.uniform(0, np.pi))
    return mask


def _image(atrium: np.ndarray, others: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Paint the structures, blur their borders, shade the field, add noise and z-score."""
    brightness = TISSUE + TEXTURE * smooth_noise(atrium.shape, 2, random)
    brightness[atrium] = BLOOD
    brightness[others] = BLOOD * random.uniform(0.9, 1.1)
    shading = 1 + SHADING * np.tanh(smooth_noise(atrium.shape, 8, random))
    noise = NOISE * random.standard_normal(atrium.shape, np.float32)
    image = gaussian_filter(brightness, 0.7) * shading + noise
    return normalise(image)
