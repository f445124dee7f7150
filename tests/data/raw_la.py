"""A made-up public copy of the left atrium: scans of 4 x 6 x 5 voxels in its layout, and a split of them."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dmd.data.sources import la
from dmd.planning.splits import checksum


def write_copy(folder: Path, scans: str) -> Path:
    """Write a scan for each letter, and return the folder."""
    random = np.random.default_rng(0)
    for scan in scans:
        path = la.path(folder, scan)
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            file["image"] = random.standard_normal((4, 6, 5)).astype(np.float32)
            file["label"] = random.integers(0, 2, (4, 6, 5)).astype(np.uint8)
    return folder


def describe_store(folder: Path, train: list[str], test: list[str]) -> dict[str, Any]:
    """Write a split beside, and return the description of a store at half resolution."""
    parts = {"train": train, "validation": [], "test": test}
    split = {"name": "la", "source": "", "sha256": checksum(parts), "parts": parts}
    (folder / "split.json").write_text(json.dumps(split))
    identity = {"name": "la", "revision": 1, "downsample": [2, 2, 2], "split": split["sha256"]}
    facts = {"revision": 1, "reader": "la", "dimensions": 3, "classes": ["background", "left atrium"]}
    return {"identity": identity, "dataset": facts | {"spacing_mm": [0.625] * 3, "split": str(folder / "split.json")}}
