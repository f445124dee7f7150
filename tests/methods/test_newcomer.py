"""What the documentation tells a newcomer to write works: a file and a stanza make a method that trains."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import tiny_training


@pytest.fixture(params=["inside", "outside"])
def newcomer(request, root, tmp_path) -> tuple[Path, str, str]:
    """A folder, what it calls a method and where the code lies: CONTRIBUTING's inside, one's own outside."""
    for folder in ("dmd", "config"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    if request.param == "outside":
        dmd(tmp_path, "method", "new", "mine")
        return tmp_path, "mine", "mine.py"
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for kind, place in (("python", "dmd/methods/meanteacher.py"), ("yaml", "meanteacher.yaml")):
        (tmp_path / place).write_text(re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1])
    return tmp_path, "meanteacher", "meanteacher"


def dmd(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "dmd", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_method_is_planned(newcomer):
    folder, name, _ = newcomer
    lines = dmd(folder, "plan", "--configfile", f"{name}.yaml", f"smoke/{name}").splitlines()
    assert [line.split("-")[2] for line in lines[:-1]] == ["dmd", name]


def test_the_method_trains_and_is_tested(newcomer, tiny_store, tiny_run):
    folder, name, implementation = newcomer
    params = yaml.safe_load((folder / f"{name}.yaml").read_text())["methods"][name]["params"]
    run = tiny_run(tiny_training(3, implementation, params) | {"iterations": 3})
    assert run.id.startswith(f"tiny3d-2-{name}-")
    for step in ("train", "test"):
        dmd(folder, "step", step, str(run.path), "--store", str(tiny_store[3]), "--device", "cpu")
    with run.history_table.open(newline="") as file:
        losses = [float(line["loss"]) for line in csv.DictReader(file)]
    assert len(losses) == 3
    assert len(set(losses)) == 3
    assert run.stage == "evaluated"
