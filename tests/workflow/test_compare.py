"""docs/compare-with-us.md as a newcomer follows it, at the smallest scale: every command, and nothing trained."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runs.bundled import make_whole

from dmd.data.store import load_store
from dmd.files import checksum
from dmd.planning import config, plan, reading
from dmd.runs.folder import RunFolder
from dmd.runs.vouching import vouch
from dmd.testing.evaluation import evaluate_run
from dmd.testing.label_maps import write_predictions
from workflow.project import BIN, clone, snakemake

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/compare-with-us.md").read_text(encoding="utf-8")
SMALLEST = {"half": "smoke", "la-2x2x2": "synthetic3d-1x1x1"}
MINE = """
import numpy as np

def segment(image):
    return (image > image.mean() + image.std()).astype(int)
"""


def small(text: str) -> str:
    for word, smaller in SMALLEST.items():
        text = text.replace(word, smaller)
    return text


def blocks(kind: str) -> list[str]:
    return [small(block) for block in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S)]


def commands() -> list[str]:
    text = re.sub(r"```.*?```", "", PAGE, flags=re.S)
    return [small(line) for line in re.findall(r"^    (.*)\n", text, re.M)]


def call(folder: Path, command: str) -> str:
    """Run a line of the page as a shell does, with the package of the clone."""
    own = {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / ".cache")}
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, cwd=folder, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


def scored(run: RunFolder, store: Path, seed: int) -> None:
    """Make a whole run without weights by hand: the truth with some of its voxels lost."""
    make_whole(run)
    random = np.random.default_rng(seed)
    cases = load_store(store, parts=["test"]).cases("test")
    lost = ((case.name, (case.label * (random.random(case.label.shape) < 0.9)).astype(np.uint8)) for case in cases)
    write_predictions(run, run.read_spec().testing, lost, checksum(run.weights))
    evaluate_run(run, store)
    vouch(run, run.facts, {"steps": 5, "attempts": [], "wall_seconds": 9.0}, [run.weights, run.history_table])
    run.weights.unlink()


@pytest.mark.slow
def test_the_page_leads_to_a_table_with_a_row_that_is_not_trained_here(tmp_path):
    folder = clone(tmp_path / "new comer")
    call(folder, small("snakemake --cores 2 -- results/data/la-2x2x2.h5"))
    planned = plan.make(config.check(reading.read(ROOT / "config")), ROOT)
    rows, store = planned.artefacts["smoke/table3"].rows, folder / "results/data/synthetic3d-1x1x1.h5"
    for seed, name in enumerate(planned.artefacts["smoke/table3"].runs):
        run = RunFolder(folder / "docs/results/smoke/runs" / name)
        run.write_spec(planned.runs[name].spec)
        scored(run, store, seed)
    (folder / "mine.py").write_text(MINE)
    (folder / "guests.yaml").write_text(blocks("yaml")[0])

    lines = commands()
    assert [line.split()[1] for line in lines if line.startswith("dmd")] == [
        *("bundle", "merge", "evaluate", "report", "track")
    ]
    said = {}
    for line in lines:
        if line.startswith("dmd evaluate"):
            subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=folder, check=True)
        said[line.split()[1]] = call(folder, line)

    assert f"{len(rows)} of {len(rows)} run(s) added" in said["merge"]
    assert said["track"] == "0 runs sent to MLflow\n"  # snakemake sent what there was
    assert not [*(folder / "results/runs").glob("*/weights.pt")]
    with (folder / "results/smoke/table3.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [line["label"] for line in found] == [*(row.label for row in rows), "Our U-Net (not trained here)"]
    assert "Our U-Net (not trained here)" in (folder / "results/smoke/report.html").read_text()

    panel = snakemake(folder, "--dry-run", "--", "results/smoke/fig2.csv")
    assert panel.returncode != 0
    assert "is here without them" in " ".join((panel.stdout + panel.stderr).split())
    (guest,) = (folder / "results/guests").iterdir()
    (guest / "cases.csv").unlink()
    (folder / "results/smoke/table3.csv").unlink()
    missing = snakemake(folder, "--dry-run", "--configfile", "guests.yaml", "--", "results/smoke/table3.csv")
    assert missing.returncode != 0
    assert "measure the masks with `dmd evaluate`" in " ".join((missing.stdout + missing.stderr).split())
