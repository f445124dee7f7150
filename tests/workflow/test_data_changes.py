"""The real Snakefile when raw data change: what is made again, and what is not."""

import os
import shutil
from pathlib import Path

import h5py
import numpy as np

from dmd.data.sources import la
from dmd.planning.splits import load_split
from workflow.project import clone, jobs, snakemake

CHECKED = "results/data/la-2x2x2.check.json"


def publish(folder: Path, root: Path) -> None:
    """Write a small scan for every patient of the left atrium."""
    random = np.random.default_rng(0)
    for patients in load_split(root / "config/splits/la.json").parts.values():
        for scan in patients:
            path = la.path(folder, scan)
            path.parent.mkdir(parents=True)
            with h5py.File(path, "w") as file:
                file["image"] = random.standard_normal((4, 4, 4)).astype(np.float32)
                file["label"] = np.ones((4, 4, 4), np.uint8)


def spoil(path: Path, value: float) -> None:
    with h5py.File(path, "r+") as file:
        file["image"][0, 0, 0] = value


def test_a_store_follows_its_raw_files_and_nothing_else(tmp_path, root):
    folder, raw = clone(tmp_path / "here"), tmp_path / "raw"
    publish(raw, root)
    first = la.path(raw, load_split(root / "config/splits/la.json").parts["test"][0])
    spoil(first, np.nan)

    def call(data: Path, *options: str):
        settings = ("--config", "datasets={la: {checksums: null}}", f"data={{la: {data}}}")
        return snakemake(folder, *options, *settings, "--", CHECKED)

    refused = call(raw)
    assert refused.returncode != 0
    assert "found 1 NaN or infinite" in refused.stderr
    spoil(first, 0.5)
    assert call(raw).returncode == 0
    assert "Nothing to be done" in call(raw, "--dry-run").stdout
    # Copies of the same, without times and without Snakemake's notes, and results without their raw files.
    shutil.copytree(raw, tmp_path / "copy", copy_function=shutil.copy)
    shutil.rmtree(folder / ".snakemake")
    for path in sorted((folder / "results").rglob("*"), reverse=True):
        os.utime(path, (1.7e9, 1.7e9))
    for data in ("copy", "nowhere"):
        assert "Nothing to be done" in call(tmp_path / data, "--dry-run").stdout
    spoil(la.path(tmp_path / "copy", first.parent.name), 0.25)
    assert jobs(call(tmp_path / "copy", "--dry-run").stdout) == {"prepare": 1, "check": 1}
    assert "Nothing to be done" in call(raw, "--dry-run").stdout
    assert call(tmp_path / "copy").returncode == 0
    assert "Nothing to be done" in call(tmp_path / "copy", "--dry-run").stdout
