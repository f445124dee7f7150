"""The real Snakefile at work: the whole of it at scale `smoke`, and a method of one's own."""

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dmd import cli
from workflow.project import BIN, clone, jobs, snakemake


def require_reports(copy: Path) -> None:
    """Require the page of the scale, and Snakemake's own report with its captions, both without a network."""
    target = ("--config", "scale=smoke", "--", "results/smoke/report.html", "results/data/synthetic3d-1x1x1.png")
    done = snakemake(copy, *target)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (copy / "results/smoke/report.html").read_text()
    assert re.search(r"<p>5 of \d+ runs are evaluated", page)
    assert page.count("data:image/png") >= 2 * 5  # two worst cases of each run
    # A proxy that refuses stands for the network that is not there.
    nowhere = ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY")
    shown = ("--report", "results/own.html", *target)
    report = snakemake(copy, *shown, **dict.fromkeys(nowhere, "http://127.0.0.1:9"))
    assert report.returncode == 0, report.stderr[-3000:]
    own = (copy / "results/own.html").read_text()
    assert all(category in own for category in ('"Tables"', '"Report"', '"Data"'))
    assert "Missing runs" in own


def require_the_sweep(copy: Path) -> None:
    """Require that the next call that does something sends a run that MLflow did not get."""
    target = ("--config", "scale=smoke", "--", "results/smoke/table3.csv")
    tracked = next((copy / "results/runs").glob("*/tracked.json"))
    tracked.write_text(json.dumps(json.loads(tracked.read_text()) | {"status": "pending"}))
    (copy / "results/smoke/table3.csv").unlink()
    done = snakemake(copy, *target)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (copy / "results/smoke/table3.csv").exists()
    assert json.loads(tracked.read_text())["status"] == "complete"
    again = snakemake(copy, "--dry-run", *target)
    assert "Nothing to be done" in again.stdout + again.stderr


def require_finished_runs_need_nothing(copy: Path, elsewhere: Path) -> None:
    """Require a table from runs that are there, whatever became of data, times and Snakemake's own notes."""
    table = "results/smoke/table3.csv"
    whole = (copy / table).read_text()
    # Another name of a class makes another store. Snakemake 9.27 forgot the table that lay behind it, and ended well.
    renamed = ("--config", "datasets={synthetic3d: {classes: [background, chamber]}}", "--", table)
    (copy / table).unlink()
    assert jobs(snakemake(copy, "--dry-run", *renamed).stdout) == {"table": 1}
    assert snakemake(copy, *renamed).returncode == 0
    assert (copy / table).read_text() == whole
    # A copy without times, without the data and without .snakemake.
    clone(elsewhere)
    shutil.copytree(copy / "results/runs", elsewhere / "results/runs", copy_function=shutil.copy)
    for path in sorted((elsewhere / "results/runs").rglob("*"), reverse=True):
        os.utime(path)
    assert jobs(snakemake(elsewhere, "--dry-run", "--", table).stdout) == {"table": 1}
    assert snakemake(elsewhere, "--", table).returncode == 0
    assert (elsewhere / table).read_text() == whole


@pytest.mark.slow
def test_the_whole_pipeline_at_scale_smoke(tmp_path):
    copy = clone(tmp_path / "here")  # of its own: what it makes is not there for others
    settings = ["--config", "scale=smoke", "--"]
    done = snakemake(copy, *settings, "results/smoke/table3.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    with (copy / "results/smoke/table3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["supervised", "cps", "mcnet", "dml", "dmd"]
    assert all(float(row["dice_mean"]) > 0 for row in rows)
    assert not any(row["dice_paper"] for row in rows)  # the paper has no number for synthetic scans
    assert {row["cases"] for row in rows} == {"20"}
    markdown = (copy / "results/smoke/table3.md").read_text()
    assert markdown.startswith("Not the paper's setting: scale 'smoke' (synthetic3d in place of la,")
    assert (copy / "results/smoke/table3.tex").exists()
    with (copy / "results/smoke/table3.comparison.csv").open(newline="") as file:
        compared = {(line["method"], line["patients"]) for line in csv.DictReader(file) if line["metric"] == "dice"}
    assert compared == {(method, "20") for method in ("supervised", "cps", "mcnet", "dml")}

    tracked = [json.loads(path.read_text()) for path in (copy / "results/runs").glob("*/tracked.json")]
    assert len(tracked) == 5
    assert all(entry["status"] == "complete" and entry["experiment"] == "dmd-smoke" for entry in tracked)

    again = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in again.stdout + again.stderr
    require_the_sweep(copy)
    require_finished_runs_need_nothing(copy, tmp_path / "elsewhere")
    require_reports(copy)

    (copy / "dmd/methods/dmd.py").write_text((copy / "dmd/methods/dmd.py").read_text() + "\n# a comment\n")
    edited = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in edited.stdout + edited.stderr

    raised = snakemake(
        copy, "--dry-run", "--config", "scale=smoke", "methods={dmd: {revision: 2}}", "--", "results/smoke/table3.csv"
    )
    assert jobs(raised.stdout)["train"] == 2  # DMD and DML, which share the file

    elsewhere = ["methods={dmd: {revision: 2}}", "data={synthetic3d: /else/where}"]
    moved = snakemake(copy, "--dry-run", "--config", "scale=smoke", *elsewhere, "--", "results/smoke/table3.csv")
    assert jobs(moved.stdout) == jobs(raised.stdout)

    for path in [*(copy / "results/runs").glob("*-cps-*/cases.csv"), copy / "results/smoke/table3.csv"]:
        path.unlink()
    missing = subprocess.run(
        [str(BIN / "dmd"), "step", "table", "smoke/table3"],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "cps" in missing.stderr
    assert not (copy / "results/smoke/table3.csv").exists()


# Two iterations instead of sixty, and a table of DMD alone.
SMALL = """
scales: {smoke: {datasets: {la: {iterations: 2}}}}
artefacts:
  only:
    {kind: table, caption: DMD alone., columns: [dice], runs: [{dataset: la, labelled: 8, method: dmd}]}
"""


def made(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and content of the weights of every run."""
    found = (folder / "results/runs").glob("*/weights.pt")
    return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.mark.slow
def test_a_method_is_one_new_file_and_a_few_lines_of_the_users_own_and_retrains_nothing(tmp_path, monkeypatch):
    folder = clone(tmp_path)
    (folder / "small.yaml").write_text(SMALL)
    first = snakemake(folder, "--configfile", "small.yaml", "--", "results/smoke/only.csv")
    assert first.returncode == 0, first.stderr[-3000:]
    before = made(folder)
    assert [name.split("-")[2] for name in before] == ["dmd"]

    # What the README tells a user to do, and nothing else.
    monkeypatch.chdir(folder)
    assert cli.main(["method", "new", "mine"]) == 0
    own = ("--configfile", "mine.yaml", "small.yaml", "--")
    unchanged = snakemake(folder, "--dry-run", *own, "results/smoke/only.csv")
    assert "Nothing to be done" in unchanged.stdout + unchanged.stderr
    planned = snakemake(folder, "--dry-run", *own, "results/smoke/mine.csv")
    assert jobs(planned.stdout) == {"train": 1, "test": 1, "table": 1}
    done = snakemake(folder, *own, "results/smoke/mine.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    after = made(folder)
    assert before.items() <= after.items()
    assert sorted(name.split("-")[2] for name in after) == ["dmd", "mine"]
    with (folder / "results/smoke/mine.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["DMD", "Mine"]
