"""Time trainings of scale `half` with and without being followed in MLflow.

    python benchmarks/tracking.py --store results/data/la-2x2x2.h5 [--steps 500] [--repeats 5] [--beside 2]

Trains DMD as scale `half` does, ``--beside`` trainings side by side so that no core is idle, in turn without and with
tracking on SQLite, each from its start and every other time in the other order. Wall time is that of `dmd step train`.
The processor time of the following process is read while it runs: the most that it can take from the training where
every core is busy. Prints a Markdown table.
"""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from dmd.planning import config, plan, reading
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.tracking.server import make_server


def half(steps: int, seed: int) -> Spec:
    """Return the settings of a DMD run of Table 3 at scale `half`, cut to some steps."""
    runs = plan.make(config.check(reading.read())).runs.values()
    specs = (run.spec for run in runs if "half/table3" in run.wanted_by)
    spec = next(spec for spec in specs if spec.training["method"]["implementation"] == "dmd")
    return Spec(spec.training | {"iterations": steps, "seed": seed}, spec.testing)


def measure(folder: Path, spec: Spec, store: Path, beside: int, uri: str | None) -> tuple[float, float]:
    """Train ``beside`` runs at once; return the mean wall time of one and the processor time of its follower."""
    jobs = []
    for seed in range(beside):
        seeded = Spec(spec.training | {"seed": seed}, spec.testing)
        run = RunFolder(folder / str(seed) / seeded.id)
        run.write_spec(seeded)
        command = [sys.executable, "-m", "dmd", "step", "train", str(run.path), "--store", str(store)]
        command += ["--track", f"--config=tracking={{uri: '{uri}'}}"] if uri else []
        jobs.append(psutil.Popen(command, stderr=subprocess.DEVNULL))
    started, walls = time.perf_counter(), {}
    followers = {_child(job): 0.0 for job in jobs} if uri else {}
    while len(walls) < beside or any(_runs(follower) for follower in followers):
        for job in jobs:
            if job.poll() is not None and job.pid not in walls:
                assert job.returncode == 0
                walls[job.pid] = time.perf_counter() - started
        for follower in followers:
            with contextlib.suppress(psutil.Error):
                spent = follower.cpu_times()
                followers[follower] = spent.user + spent.system
        time.sleep(0.1)
    return float(np.mean(list(walls.values()))), sum(followers.values()) / beside


def _child(job: psutil.Popen) -> psutil.Process:
    """Wait for the process that follows a training, not the one that tells its commit."""
    while True:
        for child in job.children():
            with contextlib.suppress(psutil.Error):
                if "follow" in child.cmdline():
                    return child
        time.sleep(0.1)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--beside", type=int, default=2)
    options = parser.parse_args()
    alone, followed, used = [], [], []
    for repeat in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            spec = half(options.steps, repeat)
            tracked = f"sqlite:///{folder}/mlflow.db"
            make_server(tracked)
            for uri in (None, tracked) if repeat % 2 == 0 else (tracked, None):
                name = "followed" if uri else "alone"
                wall, seconds = measure(Path(folder) / name, spec, options.store, options.beside, uri)
                (followed if uri else alone).append(wall)
                used += [seconds] if uri else []
        print(f"{alone[-1]:.1f} s alone, {followed[-1]:.1f} s followed, {used[-1]:.2f} s", file=sys.stderr, flush=True)
    low, ratio, high = np.percentile(np.divide(followed, alone), [25, 50, 75])
    print(f"{options.steps} steps, {options.beside} side by side, median of {options.repeats}\n")
    print("| alone | followed | ratio (quartiles) | processor time of the follower | of the training's wall time |")
    print("| --- | --- | --- | --- | --- |")
    print(
        f"| {np.median(alone):.1f} s | {np.median(followed):.1f} s | {ratio:.3f} ({low:.3f} to {high:.3f}) | "
        f"{np.median(used):.1f} s | {100 * np.median(np.divide(used, alone)):.2f} % |"
    )


if __name__ == "__main__":
    main()
