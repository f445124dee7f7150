"""Twelve scans, five of them annotated, from a folder to a table and a mask, as docs/your-scans.md says."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk  # noqa: N813
from own_folder import write_folder

from workflow.project import clone, snakemake

pytestmark = pytest.mark.slow
TARGET = ("--configfile", "liver.yaml", "--", "results/smoke/liver.csv")


def dmd(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "dmd", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_of_scans_becomes_a_table_and_masks(tmp_path):
    copy = clone(tmp_path / "clone")
    write_folder(tmp_path / "Dataset042_Liver")
    assert "unlabelled     7" in dmd(copy, "data", "check", "../Dataset042_Liver")
    dmd(copy, "data", "init", "../Dataset042_Liver", "--name", "liver", "--scale", "smoke")
    stanza = copy / "liver.yaml"
    stanza.write_text(stanza.read_text().replace("iterations: 60", "iterations: 12"))
    done = snakemake(copy, *TARGET)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = list(csv.DictReader((copy / "results/smoke/liver.csv").read_text().splitlines()))
    assert [(row["labelled"], row["unlabelled"]) for row in rows] == [("4", "0"), ("4", "7")]
    run = copy / "results/runs" / rows[1]["runs"]
    said = [line for line in csv.DictReader((run / "cases.csv").read_text().splitlines()) if line["class"] == "1"]
    assert [line["post_processing"] for line in said] == ["none", "largest_component"]
    case = said[0]["case"]
    scan = f"../Dataset042_Liver/imagesTr/{case}_0000.nii.gz"
    dmd(copy, "predict", "--run", run.name, "--configfile", "liver.yaml", scan, "--out", "mask.nii.gz")
    mask, truth = (
        sitk.GetArrayFromImage(sitk.ReadImage(path)) == 1
        for path in (copy / "mask.nii.gz", tmp_path / f"Dataset042_Liver/labelsTr/{case}.nii.gz")
    )
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) == pytest.approx(float(said[0]["dice"]), rel=1e-12)
    require_the_folder_as_it_was(copy, tmp_path / "Dataset042_Liver")


def require_the_folder_as_it_was(copy: Path, folder: Path) -> None:
    """Require that a finished table needs nothing of the folder, and a training that it is what was looked at."""
    label = next((folder / "labelsTr").iterdir())
    values = sitk.ReadImage(label)
    values[0, 0, 0] = 1
    sitk.WriteImage(values, label)
    assert "Nothing to be done" in snakemake(copy, *TARGET).stderr
    stanza = copy / "liver.yaml"
    stanza.write_text(stanza.read_text().replace("iterations: 12", "iterations: 13"))
    done = snakemake(copy, *TARGET)
    assert done.returncode != 0
    said = (copy / "results/logs/prepare/liver-1x1x1.log").read_text()
    assert re.search(rf"labelsTr/{label.name}: expected sha256 \w+, found \w+\n", said)
