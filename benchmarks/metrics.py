"""Time `dmd.testing.metrics.evaluate` against the four MedPy calls it replaces, on full-resolution left-atrium masks.

    python benchmarks/metrics.py [--repeats 9]

Takes the first test scan of LA where the environment variable DMD_DATA names a folder with the real la/,
else a synthetic atrium of that scan's size. Needs MedPy (extra "test"). The two sides are timed in turn, so
that a busy machine slows both alike; prints a Markdown table of medians with the quartiles of the ratio.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from medpy.metric import binary as medpy
from scipy import ndimage

from dmd.testing.metrics import Scores, evaluate


def real_atrium(folder: Path) -> np.ndarray:
    case = (folder / "la/test.list").read_text().split()[0]
    with h5py.File(folder / "la/2018LA_Seg_Training Set" / case / "mri_norm2.h5") as file:
        return file["label"][:] > 0


def synthetic_atrium() -> np.ndarray:
    """Return a body and four veins of about the volume of a real one, as large as LA's first test scan."""
    x, y, z = np.ogrid[:175, :132, :88]
    mask = ((x - 85) / 45) ** 2 + ((y - 65) / 38) ** 2 + ((z - 44) / 25) ** 2 < 1
    for side, height in ((-1, 30), (-1, 58), (1, 30), (1, 58)):
        beside = (x < 85) if side < 0 else (x > 85)
        mask |= beside & (abs(x - 85) < 70) & ((y - 60 - side * 5) ** 2 + (z - height) ** 2 < 64)
    return mask


def deformed(mask: np.ndarray, voxels: float) -> np.ndarray:
    """Displace a mask by a smooth random field of at most ``voxels`` along each axis."""
    random = np.random.default_rng(1337)
    places = np.indices(mask.shape, dtype=np.float64)
    for place in places:
        field = ndimage.gaussian_filter(random.standard_normal(mask.shape), 8)
        place += voxels * field / np.abs(field).max()
    return ndimage.map_coordinates(mask.astype(np.float32), places, order=1) > 0.5


def four_medpy_calls(prediction: np.ndarray, reference: np.ndarray) -> list[float]:
    return [call(prediction, reference) for call in (medpy.dc, medpy.jc, medpy.hd95, medpy.asd)]


def seconds(call: Callable[[np.ndarray, np.ndarray], object], *masks: np.ndarray) -> float:
    start = time.perf_counter()
    call(*masks)
    return time.perf_counter() - start


def row(name: str, prediction: np.ndarray, reference: np.ndarray, repeats: int) -> str:
    scores: Scores = evaluate(prediction, reference)
    ours = [scores.dice, scores.jaccard, scores.hd95_voxel, scores.asd_voxel]
    difference = np.abs(np.subtract(ours, four_medpy_calls(prediction, reference))).max()
    times = np.array(
        [
            (seconds(evaluate, prediction, reference), seconds(four_medpy_calls, prediction, reference))
            for _ in range(repeats)
        ]
    )
    one, four = 1e3 * np.median(times, axis=0)
    low, middle, high = np.percentile(times[:, 1] / times[:, 0], [25, 50, 75])
    return (
        f"| {name} | {scores.dice:.3f} | {four:.0f} ms | {one:.0f} ms | "
        f"{middle:.1f} ({low:.1f} to {high:.1f}) | {difference:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    folder = os.environ.get("DMD_DATA")
    reference = real_atrium(Path(folder)) if folder else synthetic_atrium()
    predictions = {
        "deformed by up to 2 voxels": deformed(reference, 2),
        "deformed by up to 5 voxels": deformed(reference, 5),
        "shifted by 3 voxels": np.roll(reference, 3, axis=0),
        "shifted by 30 voxels": np.roll(reference, 30, axis=0),
    }
    source = "real" if folder else "synthetic"
    print(f"{source} atrium {reference.shape}, {reference.sum()} voxels, median of {repeats}\n")
    print("| prediction | Dice | MedPy, 4 calls | evaluate | ratio (quartiles) | largest difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, prediction in predictions.items():
        print(row(name, prediction, reference, repeats), flush=True)


if __name__ == "__main__":
    main()
