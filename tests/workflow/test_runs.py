"""The real Snakefile at work: the whole of it at scale `smoke`, and a method of one's own."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest

from workflow.project import BIN, clone, jobs, snakemake


def require_reports(copy: Path) -> None:
    """Require the page of the scale, and Snakemake's own report with its captions, both without a network."""
    target = ("--config", "scale=smoke", "--", "results/smoke/report.html")
    done = snakemake(copy, *target)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (copy / "results/smoke/report.html").read_text()
    assert re.search(r"<p>5 of \d+ runs are evaluated", page)
    assert page.count("data:image/png") >= 2 * 5  # two worst cases of each run
    # A proxy that refuses stands for the network that is not there.
    nowhere = ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY")
    report = snakemake(copy, "--report", "results/own.html", *target, **dict.fromkeys(nowhere, "http://127.0.0.1:9"))
    assert report.returncode == 0, report.stderr[-3000:]
    own = (copy / "results/own.html").read_text()
    assert all(category in own for category in ('"Tables"', '"Report"', '"Data"'))
    assert "Missing runs" in own


def require_tracking_alone_repeats(copy: Path) -> None:
    """Require that the next call sends a run that MLflow did not get, once, and makes nothing anew but its table."""
    target = ("--config", "scale=smoke", "--", "results/smoke/table3.csv")
    tracked = next((copy / "results/runs").glob("*/tracked.json"))
    tracked.write_text(json.dumps(json.loads(tracked.read_text()) | {"status": "pending"}))
    assert jobs(snakemake(copy, "--dry-run", *target).stdout) == {"track_run": 1, "table": 1}
    assert snakemake(copy, *target).returncode == 0
    assert json.loads(tracked.read_text())["status"] == "complete"
    again = snakemake(copy, "--dry-run", *target)
    assert "Nothing to be done" in again.stdout + again.stderr
    other = "{kind: table, caption: More., columns: [dice], runs: [{dataset: la, labelled: 8, method: cps}]}"
    wanted = snakemake(copy, "--dry-run", "--config", "scale=smoke", f"artefacts={{more: {other}}}", *target[2:])
    assert jobs(wanted.stdout) == {"track_run": 1, "table": 1}


@pytest.mark.slow
def test_the_whole_pipeline_at_scale_smoke(tmp_path):
    copy = clone(tmp_path)  # of its own: what it makes is not there for others
    settings = ["--config", "scale=smoke", "--"]
    done = snakemake(copy, *settings, "results/smoke/table3.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    with (copy / "results/smoke/table3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["supervised", "cps", "mcnet", "dml", "dmd"]
    assert all(float(row["dice_mean"]) > 0 for row in rows)
    assert [float(row["dice_paper"]) for row in rows] == [79.99, 87.49, 87.71, 88.19, 89.70]
    assert {row["cases"] for row in rows} == {"20"}
    markdown = (copy / "results/smoke/table3.md").read_text()
    assert markdown.startswith("Not the paper's setting: scale 'smoke'")
    assert (copy / "results/smoke/table3.tex").exists()
    with (copy / "results/smoke/table3.comparison.csv").open(newline="") as file:
        compared = {(line["method"], line["patients"]) for line in csv.DictReader(file) if line["metric"] == "dice"}
    assert compared == {(method, "20") for method in ("supervised", "cps", "mcnet", "dml")}

    tracked = [json.loads(path.read_text()) for path in (copy / "results/runs").glob("*/tracked.json")]
    assert len(tracked) == 5
    assert all(entry["status"] == "complete" and entry["experiment"] == "dmd-smoke" for entry in tracked)

    again = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in again.stdout + again.stderr
    require_tracking_alone_repeats(copy)
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

    for path in (copy / "results/runs").glob("*-cps-*/cases.csv"):
        path.unlink()
    missing = subprocess.run(
        [str(BIN / "dmd"), "step", "table", "results/smoke/table3.json", "--output", "results/other.csv"],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "cps" in missing.stderr
    assert not (copy / "results/other.csv").exists()


MINE = '''"""Mine: supervised learning with a weight."""

from dataclasses import dataclass

from dmd.losses import supervised_dice
from dmd.methods.base import Method, Predictor


@dataclass(frozen=True)
class Params:
    """``weight`` of the only term."""

    weight: float


class Mine(Method):
    """Minimise ``weight * Dice(p, y)``."""

    Params = Params

    def __init__(self, params, build):
        super().__init__()
        self.weight, self.network = params.weight, build.network(build.logit_channels)

    def losses(self, batch, step):
        """Return the supervised term."""
        logits = self.network(batch.images[: len(batch.labels)])
        return {"supervised": self.weight * supervised_dice(logits, batch.labels)}

    @property
    def predictor(self):
        """The network."""
        return Predictor(self.network)
'''
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
def test_a_method_is_one_new_file_and_a_few_lines_of_the_users_own_and_retrains_nothing(tmp_path, root):
    folder = clone(tmp_path)
    (folder / "small.yaml").write_text(SMALL)
    first = snakemake(folder, "--configfile", "small.yaml", "--", "results/smoke/only.csv")
    assert first.returncode == 0, first.stderr[-3000:]
    before = made(folder)
    assert [name.split("-")[2] for name in before] == ["dmd"]

    # What the README tells a user to write, and nothing else.
    (folder / "dmd/methods/mine.py").write_text(MINE)
    (folder / "mine.yaml").write_text(re.search(r"```yaml\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1])
    own = ("--configfile", "mine.yaml", "small.yaml", "--")
    unchanged = snakemake(folder, "--dry-run", *own, "results/smoke/only.csv")
    # The run of DMD is now wanted by one more table, which its mirror says; nothing is trained or tested again.
    assert set(jobs(unchanged.stdout)) == {"track_run", "table"}
    planned = snakemake(folder, "--dry-run", *own, "results/smoke/mine.csv")
    assert {rule: jobs(planned.stdout)[rule] for rule in ("describe_run", "train", "test")} == {
        "describe_run": 1,
        "train": 1,
        "test": 1,
    }
    done = snakemake(folder, *own, "results/smoke/mine.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    after = made(folder)
    assert before.items() <= after.items()
    assert sorted(name.split("-")[2] for name in after) == ["dmd", "mine"]
    with (folder / "results/smoke/mine.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["DMD", "Mine"]
