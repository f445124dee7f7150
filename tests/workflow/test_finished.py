"""What is finished is no job's to delete: the real Snakefile, two users in one folder and jobs that fail."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from workflow.project import BIN, clone, jobs, snakemake

# Twenty iterations, and a table of one method alone.
SMALL = """
scales: {smoke: {datasets: {la: {iterations: 20}}}}
artefacts:
  only:
    {kind: table, caption: One method., columns: [dice], runs: [{dataset: la, labelled: 8, method: supervised}]}
"""
TARGET = ("--configfile", "small.yaml", "--", "results/smoke/only.csv")
TRAINED = ("weights.pt", "history.csv", "run.json")


@pytest.fixture
def copy(tmp_path) -> Path:
    folder = clone(tmp_path / "here")
    (folder / "small.yaml").write_text(SMALL)
    return folder


def dmd(copy: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(BIN / "dmd"), *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )


def await_run(copy: Path) -> tuple[Path, int]:
    """Return the folder of the run that trains, and the process that trains it, once two steps are done."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for history in (copy / "results/runs").glob("*/history.jsonl"):
            if history.read_bytes().count(b"\n") >= 2:
                return history.parent, json.loads(history.with_name("owner.json").read_text())["pid"]
        time.sleep(0.01)
    raise TimeoutError("nothing trains")


def stalled_and_replaced(copy: Path) -> tuple[Path, subprocess.CompletedProcess]:
    """Have one user's training stall, another's finish the run, and the first one wake up."""
    first = subprocess.Popen(
        [str(BIN / "snakemake"), "--cores", "1", *TARGET],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    run, process = await_run(copy)
    os.kill(process, signal.SIGSTOP)
    stopped = time.monotonic()
    (run / "owner.json").unlink()  # as after three beats of silence
    second = dmd(copy, "step", "train", str(run))
    assert second.returncode == 0, second.stderr
    time.sleep(max(0.0, stopped + 21 - time.monotonic()))  # silent for longer than two beats
    os.kill(process, signal.SIGCONT)
    said = first.communicate()[1]
    return run, subprocess.CompletedProcess(first.args, first.returncode, "", said)


@pytest.mark.slow
def test_a_job_that_fails_deletes_nothing_that_is_finished(copy):
    run, woken = stalled_and_replaced(copy)
    assert woken.returncode != 0
    assert "has taken the run over" in woken.stderr
    made = {name: (run / name).read_bytes() for name in TRAINED}  # by the other

    (run / "predictions.h5").mkdir()
    failed = snakemake(copy, *TARGET)
    assert failed.returncode != 0
    assert jobs(failed.stderr) == {"test": 1, "table": 1}
    assert {name: (run / name).read_bytes() for name in TRAINED} == made

    (run / "predictions.h5").rmdir()
    done = snakemake(copy, *TARGET)
    assert done.returncode == 0, done.stderr[-3000:]
    assert {name: (run / name).read_bytes() for name in TRAINED} == made
    assert not [*run.glob(".t*ed")]
    assert "Nothing to be done" in snakemake(copy, "--dry-run", *TARGET).stdout

    other = ("--config", "scales={smoke: {datasets: {la: {stride: [16, 16, 8]}}}}")
    assert jobs(snakemake(copy, "--dry-run", *other, *TARGET).stdout) == {"test": 1, "table": 1}

    again = dmd(copy, "retrain", run.name)
    assert again.returncode == 0, again.stderr
    assert [path.name for path in run.glob("[!.]*")] == ["spec.json"]
    forced = snakemake(copy, "--dry-run", "--forcerun", "train", *TARGET)
    assert jobs(forced.stdout) == {"train": 1, "test": 1, "table": 1}


def test_a_mark_without_its_files_counts_for_nothing(copy):
    """Somebody deleted the weights, or the scores, after a call that failed had left its marks."""
    (run,) = [
        line.split()[0]
        for line in dmd(copy, "plan", "--configfile", "small.yaml", "smoke/only").stdout.splitlines()[:1]
    ]
    folder = copy / "results/runs" / run
    folder.mkdir(parents=True)
    for name in (".trained", ".tested", "cases.csv"):
        (folder / name).touch()
    planned = snakemake(copy, "--dry-run", *TARGET)
    assert jobs(planned.stdout).items() >= {"train": 1, "test": 1, "table": 1}.items()
    assert [path.name for path in folder.iterdir()] == ["cases.csv"]
