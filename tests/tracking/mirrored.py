"""What the tests of tracking share: runs that look evaluated, what MLflow holds of them, a server to kill."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from mlflow import MlflowClient
from records import vouch_for

from dmd.planning import config, plan, reading
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, write_table
from dmd.testing.evaluation import COLUMNS, POST_PROCESSING

STEPS = 30
TERMS = ("loss", "dice", "learning_rate")
MEANS = {"dice": 81.25, "jaccard": 68.75, "hd95_voxel": 7.5, "asd_voxel": 2.0}
SCORES = MEANS | {f"largest_component/{name}": value for name, value in MEANS.items()}
SCORES |= {"missed": 0.0, "false_alarms": 0.0, "rightly_empty": 0.0}


def planned(folder: Path, root: Path, seed: int, scale: str = "smoke") -> RunFolder:
    """Return the folder of a run that has its settings and nothing else."""
    runs = plan.make(config.check(reading.read(root / "config")), root).runs.values()
    found = next(run.spec for run in runs if f"{scale}/table3" in run.wanted_by and _is_dmd(run.spec.training))
    spec = Spec(found.training | {"seed": seed}, found.testing)
    run = RunFolder(folder / spec.id)
    run.write_spec(spec)
    return run


def evaluated(folder: Path, root: Path, seed: int, scale: str = "smoke") -> RunFolder:
    """Return the folder of a run that looks trained and evaluated."""
    run = planned(folder, root, seed, scale)
    train(run)
    evaluate(run)
    return run


def evaluate(run: RunFolder, dice: float = 0.875) -> None:
    """Write what training and evaluation leave behind besides the history; ``dice`` is that of the first case."""
    scores = {"a": f"{dice},0.75,6,1.5,,,9,9,0,16,", "b": "0.75,0.625,9,2.5,,,9,9,0,16,"}
    lines = [f"{case},{case},1,{name},{of}" for case, of in scores.items() for name in POST_PROCESSING]
    run.cases.write_text("\n".join([",".join(COLUMNS), *lines, ""]))
    vouch_for(run, commit="0123abcd", device="cpu", data_sha256="5eed" * 16)


def write_cases(run: RunFolder, *lines: str) -> None:
    """Write test scores without post-processing, and as many with the largest component only, of the same value."""
    alike = [line.replace(",none,", ",largest_component,") for line in lines]
    run.cases.write_text("\n".join([",".join(COLUMNS), *lines, *alike, ""]))
    vouch_for(run)


def train(run: RunFolder, factor: float = 1.0) -> None:
    """Write a history of `STEPS` steps anew."""
    run.history.unlink(missing_ok=True)
    steps(run, 0, STEPS, factor)
    write_table(run.history, run.history_table)
    vouch_for(run)


def steps(run: RunFolder, done: int, until: int, factor: float = 1.0) -> int:
    """Add steps to the history of a run, and return its size."""
    size = run.history.stat().st_size if run.history.exists() else 0
    with History(run.history, size) as history:
        for step in range(done + 1, until + 1):
            history.append(step, {term: factor / (step + place) for place, term in enumerate(TERMS)})
        return history.commit()


def mirrors(uri: str, run: RunFolder) -> list:
    """Return the active MLflow runs of a run, in all experiments."""
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments, f"tags.`dmd.run` = '{run.id}'")


def curve(uri: str, mlflow_run: str, term: str = "loss") -> list[int]:
    """Return the steps that MLflow has of a loss term, in order, twice where they are there twice."""
    return sorted(point.step for point in MlflowClient(uri).get_metric_history(mlflow_run, f"train/{term}"))


def stored_points(uri: str, mlflow_run: str) -> int:
    """Count the points of all metrics in a SQLite store."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as database:
        return database.execute("select count(*) from metrics where run_uuid = ?", [mlflow_run]).fetchone()[0]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """An MLflow server that is started and killed by the test; before that nobody listens at its address."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self.command += ["--workers", "1", "--backend-store-uri", backend]
        self.command += ["--artifacts-destination", str(folder / "files")]
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=environment, stderr=log, stdout=log, start_new_session=True
            )
        for _ in range(480):
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1)
            except OSError:
                time.sleep(0.25)
            else:
                return
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=30)
            self.process = None


def _is_dmd(spec: dict) -> bool:
    return spec["method"]["implementation"] == "dmd" and spec["method"]["params"]["divergence"] == "dice"
