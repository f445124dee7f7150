"""The profile `slurm` on a real SLURM: whatever happens to jobs, nodes and Snakemake, the table is the local one."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MISSING = [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name, path="/usr/sbin:/usr/bin")]
PATIENCE = 900  # seconds until a step of a test counts as hanging; it takes a tenth of that
TABLE = "results/smoke/table1.csv"
THIN = ["--configfile", str(Path(__file__).with_name("thin.yaml")), "--", TABLE]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)}: install Debian's slurm-wlm and munge"),
]


class Cluster:
    """SLURM's commands, and Snakemake beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = str(Path(__file__).with_name("cluster.sh"))
        self.environment = os.environ | {
            "PATH": f"{folder}/bin:{BIN}:{os.environ['PATH']}",
            "PORT": str(free_ports(4)),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def call(self, *command: str) -> str:
        """Run a command and return what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, project: Path, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the profile; what it says goes to snakemake.log."""
        command = ["snakemake", "--profile", "slurm", *arguments]
        with (project / "snakemake.log").open("a") as log:
            return subprocess.Popen(command, cwd=project, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    def finish(self, process: subprocess.Popen, project: Path) -> None:
        assert process.wait(PATIENCE) == 0, (project / "snakemake.log").read_text()[-5000:]

    def job(self, run: Path) -> str:
        """Return the id of the job that trains a run."""
        return json.loads((run / "owner.json").read_text())["job"]

    def node(self, job: str) -> str:
        return self.call("squeue", "-h", "-j", job, "-o", "%N").strip()


def free_ports(count: int) -> int:
    """Return the first of so many neighbouring ports that nobody listens on."""
    for first in range(16817, 20000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no free ports")


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory() as folder:  # munged wants a path that everybody can enter; pytest's is private
        made = Cluster(Path(folder))
        made.call(made.script, "up", folder)
        yield made
        made.call(made.script, "down", folder)


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    """The table made on this machine, without SLURM."""
    project = clone(tmp_path_factory.mktemp("local"))
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["snakemake", "--cores", "2", *THIN],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return project


@pytest.fixture
def project(tmp_path, local) -> Path:
    return prepared(tmp_path, local)


@pytest.fixture(scope="module")
def limited(cluster, local, tmp_path_factory):
    """A training with a limit of a minute, frozen until SLURM wakes it to say that its time is over.

    It is started before the first test, so that the minute passes meanwhile.
    """
    folder = prepared(tmp_path_factory.mktemp("limited"), local)
    process = cluster.start(folder, "--config", "scales={smoke: {jobs: {train_minutes: 1}}}", *THIN)
    frozen, other = caught_in_mid_training(folder)
    os.kill(process_of(other), signal.SIGCONT)
    return process, folder, frozen


def prepared(folder: Path, local: Path) -> Path:
    """A clone whose data are prepared and whose runs are not trained."""
    shutil.copytree(local / "results/data", clone(folder) / "results/data")
    return folder


def clone(folder: Path) -> Path:
    for name in ("config", "workflow", "profiles", "dmd"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder


def wait_until(what: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def steps(run: Path) -> int:
    journal = run / "history.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def caught_in_mid_training(project: Path) -> list[Path]:
    """Freeze the two trainings after some steps each, and return their folders by name: DMD first."""
    caught: set[Path] = set()

    def both() -> bool:
        for card in (project / "results/runs").glob("*/owner.json"):
            if card.parent not in caught and steps(card.parent) >= 5:
                os.kill(process_of(card.parent), signal.SIGSTOP)
                caught.add(card.parent)
        return len(caught) == 2

    wait_until(both)
    return sorted(caught)


def process_of(run: Path) -> int:
    return json.loads((run / "owner.json").read_text())["pid"]


def require_the_same(project: Path, local: Path) -> None:
    """Compare the table, and the weights and histories behind it, byte for byte."""
    assert (project / TABLE).read_bytes() == (local / TABLE).read_bytes()
    for name in ("history.csv", "weights.pt", "cases.csv"):
        for expected in sorted((local / "results/runs").glob(f"*/{name}")):
            assert (project / expected.relative_to(local)).read_bytes() == expected.read_bytes(), expected
    assert not list((project / "results/runs").glob("*/owner.json"))


def said(project: Path, run: Path) -> str:
    """Return the training's log; Snakemake takes the old one away before a job submitted again makes its own."""
    log = project / f"results/logs/train/{run.name}.log"
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def saved_in_mid_training(project: Path, run: Path) -> bool:
    """Say whether the last attempt went on from a state that only a signal can have saved: not a hundredth step."""
    found = re.search(r"going on from step (\d+)", said(project, run))
    return found is not None and 5 <= int(found[1]) < 60


@pytest.mark.usefixtures("limited")
def test_the_table_made_by_jobs_is_the_one_made_here(cluster, local, tmp_path):
    project = clone(tmp_path)
    cluster.finish(cluster.start(project, *THIN), project)
    require_the_same(project, local)
    columns = "Partition:10,tres-per-job:20,WorkDir:500"
    jobs = [line.split() for line in cluster.call("squeue", "-h", "--states=all", "-O", columns).splitlines()]
    asked = sorted((partition, gpus) for partition, gpus, folder in jobs if folder == str(project))
    assert asked == [("cpu", "N/A"), *[("gpu", "gres:gpu:1")] * 4], "one job of data and two per run"


def test_a_time_limit_that_is_too_short_saves_and_goes_on(cluster, local, limited):
    process, project, run = limited
    cluster.finish(process, project)
    require_the_same(project, local)
    assert saved_in_mid_training(project, run)
    assert "TIMEOUT" in (project / "snakemake.log").read_text()


def test_a_cancelled_job_and_a_lost_node_go_on_from_their_state(cluster, local, project):
    process = cluster.start(project, *THIN)
    cancelled, lost = caught_in_mid_training(project)
    cluster.call("scancel", cluster.job(cancelled))
    job = cluster.job(lost)
    node = cluster.node(job)
    lose(cluster, node, job)
    try:
        cluster.finish(process, project)
    finally:
        cluster.call(cluster.script, "node", str(cluster.folder), node)
    require_the_same(project, local)
    assert saved_in_mid_training(project, cancelled)
    assert "has ended without a word; going on in its place" in said(project, lost)


def lose(cluster: Cluster, node: str, job: str) -> None:
    """Switch a node off: its daemon and everything of the job ends at once, and the controller is told."""
    ours = f"SLURM_CONF={cluster.folder}/".encode()
    keepers = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.read_bytes().startswith(f"slurmstepd: [{job}.".encode())
        and ours in path.with_name("environ").read_bytes()
    ]
    daemon = int((cluster.folder / f"run/slurmd.{node}.pid").read_text())
    for pid in [daemon, *keepers, *descendants(keepers)]:
        os.kill(pid, signal.SIGKILL)
    cluster.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")


def descendants(pids: list[int]) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = list(pids)
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[len(pids) :]


def test_a_killed_snakemake_leaves_jobs_that_nobody_trains_beside(cluster, local, project):
    process = cluster.start(project, *THIN)
    runs = caught_in_mid_training(project)
    process.kill()
    process.wait()
    assert cluster.start(project, *THIN).wait(PATIENCE) != 0
    assert "--unlock" in (project / "snakemake.log").read_text()
    assert cluster.start(project, "--unlock", *THIN).wait(PATIENCE) == 0
    process = cluster.start(project, *THIN)
    frozen = set(runs)

    def all_thawed() -> bool:
        for run in [run for run in frozen if "waiting for job" in said(project, run)]:
            os.kill(process_of(run), signal.SIGCONT)
            frozen.remove(run)
        return not frozen

    wait_until(all_thawed)
    cluster.finish(process, project)
    require_the_same(project, local)
    for run in runs:
        assert "ended without a word" not in said(project, run)
        assert steps(run) == 60


def test_an_unknown_partition_is_said_before_anything_is_submitted(cluster, tmp_path):
    project = clone(tmp_path)
    profile = project / "profiles/slurm/config.yaml"
    profile.write_text(profile.read_text().replace("slurm_partition: gpu ", "slurm_partition: gpus "))
    assert cluster.start(project, *THIN).wait(PATIENCE) != 0
    log = (project / "snakemake.log").read_text()
    assert "profiles/slurm/config.yaml: the cluster has no partition 'gpus'; did you mean 'gpu'?" in log
    assert "submitted" not in log
