"""Time what people wait for around grids of hyper-parameters: plan, start of a step, dry run, table, page, MLflow.

    python benchmarks/grids.py [--planned 100 1000 10000] [--finished 100 1000]

A grid of DMD over weights and temperatures, ten seeds each, planned at every scale; ``--planned`` counts its runs over
all of them, and all are asked for in the dry run. ``--finished`` runs of scale `smoke` look trained and tested: their
files are made up, nothing is trained. Prints two Markdown tables of processor time (with that of children), which other
programs on the machine disturb less than the clock, and of peak memory. Run it from the root of a checkout.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from dmd.data.store import Case, load_store
from dmd.files import checksum
from dmd.planning import config, plan, reading
from dmd.planning.identity import artefact_name
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, write_table
from dmd.runs.vouching import vouch
from dmd.testing.evaluation import evaluate_run
from dmd.testing.label_maps import write_predictions

ROOT, SEEDS, STEPS, WAYS = Path.cwd(), 10, 60, 6
DMD = (sys.executable, "-m", "dmd")
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run")


class Cost(NamedTuple):
    """Processor time in seconds and peak memory in MB of a command."""

    seconds: float
    memory: float


def measure(folder: Path, *command: str, status: int = 0) -> Cost:
    """Run a command that ends with a status, in a folder."""
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=said, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        _, code, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(code)
        if running.returncode != status:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)}: {said.read().decode()[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def project(folder: Path, rows: int) -> config.Config:
    """Make a project with a table of so many rows, its configuration file ``grid.yaml``; return its configuration."""
    for name in ("config", "profiles", "docs"):
        (folder / name).symlink_to(ROOT / name)
    lines = -(-rows // 10)
    params = {
        "temperature": [1 + place / 10 for place in range(10)],
        "weight": [1 + place / 8 for place in range(lines)],
    }
    block = {"dataset": "la", "labelled": 8, "method": "dmd", "params": params}
    grid = {"kind": "table", "caption": "A grid.", "columns": ["dice", "hd95_voxel"], "runs": [block]}
    grid["seeds"] = list(range(1, SEEDS + 1))
    (folder / "grid.yaml").write_text(yaml.safe_dump({"artefacts": {"grid": grid}}))
    return config.check(reading.read(folder / "config", folder / "grid.yaml"))


def planned(runs: int) -> list[str]:
    """Return the costs of a plan: a line of the first table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checked = project(folder, max(10, runs // (4 * SEEDS)))
        made = plan.make(checked, folder)
        grids = [artefact_name("grid", scale) for scale in checked.scales]
        count = sum(len(made.artefacts[grid].runs) for grid in grids)
        laid, tables = ("--configfile", "grid.yaml"), [f"results/{grid}.csv" for grid in grids]
        run = made.artefacts[grids[-1]].runs[-1]
        costs = [
            measure(folder, *DMD, "plan", *laid),
            measure(folder, *DMD, "step", "describe", run, *laid),
            measure(folder, *DMD, "step", "train", run, *laid, status=2),  # the data are missing
            measure(folder, *SNAKEMAKE, *laid, "--", *tables),
        ]
    times = [f"{cost.seconds:.1f}" for cost in costs]
    return [str(count), *times, f"{costs[-1].memory:.0f}"]


def finished(runs: int) -> list[str]:
    """Return the costs of what is made from finished runs: a line of the second table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = plan.make(project(folder, runs // SEEDS), folder)
        artefact = made.artefacts["smoke/grid"]
        finish(folder, made, artefact.runs)
        laid = ("--configfile", "grid.yaml")
        costs = [
            measure(folder, *DMD, "step", "table", "smoke/grid", *laid),
            measure(folder, *DMD, "report", "--scale", "smoke", *laid),
            measure(folder, *DMD, "track", *laid),
        ]
        size = (folder / "results/smoke/report.html").stat().st_size / 1e6
    table, page, mlflow = (f"{cost.seconds:.1f}" for cost in costs)
    return [str(len(artefact.runs)), table, page, f"{size:.1f}", mlflow, f"{max(cost.memory for cost in costs):.0f}"]


def finish(folder: Path, made: plan.Plan, names: list[str]) -> None:
    """Leave the store of the runs and all that they leave when they are trained and tested."""
    store = made.runs[names[0]].store
    path = folder / "results" / "data" / f"{store}.h5"
    measure(folder, *DMD, "step", "prepare", store, "nowhere")
    cases = load_store(path, made.stores[store].identity, parts=["test"]).cases("test")
    for place, name in enumerate(names):
        run = RunFolder(folder / "results" / "runs" / name)
        run.write_spec(made.runs[name].spec)
        with History(run.history) as history:
            for step in range(1, STEPS + 1):
                values = {"loss": 3 / step, "supervised_first": 2 / step, "supervised_second": 1 / step}
                history.append(step, values | {"learning_rate": 0.01})
        write_table(run.history, run.history_table)
        run.weights.write_bytes(name.encode())
        facts = {
            "device": "cpu",
            "commit": "0" * 40,
            "data_sha256": "0" * 64,
            "wall_seconds": 60.0,
            "seconds_per_step": 1,
        }
        vouch(run, run.facts, facts | {"attempts": [{}]}, [run.weights, run.history_table])
        testing, way = made.runs[name].spec.testing, place % WAYS
        maps = ((case.name, segmented(case, way)) for case in cases)
        write_predictions(run, testing, maps, checksum(run.weights))
        if place < WAYS:
            evaluate_run(run, path)
        else:  # as another was segmented
            run.cases.write_bytes((run.path.parent / names[way] / run.cases.name).read_bytes())
            vouch(run, run.test, {"testing": testing}, [run.weights, run.predictions, run.cases])


def segmented(case: Case, way: int) -> np.ndarray:
    """Return the truth moved by a voxel or two."""
    return np.roll(case.label, (1 + way % 2, way % 3), axis=(0, 1))


def print_table(heads: list[str], lines: list[list[str]]) -> None:
    for line in [heads, ["--:"] * len(heads), *lines]:
        print(f"| {' | '.join(line)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planned", type=int, nargs="*", default=[100, 1000, 10000])
    parser.add_argument("--finished", type=int, nargs="*", default=[100, 1000])
    options = parser.parse_args()
    heads = ["runs planned", "`dmd plan`", "start of a step", "of a training", "dry run", "its memory (MB)"]
    print_table(heads, [planned(runs) for runs in options.planned])
    heads = ["runs finished", "table", "page", "its size (MB)", "MLflow", "most memory (MB)"]
    print_table(heads, [finished(runs) for runs in options.finished])


if __name__ == "__main__":
    main()
