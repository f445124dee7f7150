"""The profile `slurm` on a real SLURM: whatever happens to jobs, nodes and Snakemake, the table is the local one."""

import csv
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
from contextlib import suppress
from pathlib import Path

import pytest

from dmd.terminal.site import SITE

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MISSING = [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name, path="/usr/sbin:/usr/bin")]
PATIENCE = 900  # seconds until a step of a test counts as hanging; it takes a tenth of that
MEASURED = ("hours", "peak_memory_mb", "device")  # of the cost in a table
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

    def call(self, *command: str, folder: Path | None = None) -> str:
        """Run a command and return what it prints."""
        done = subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, project: Path, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the profile of this cluster; what it says goes to snakemake.log."""
        if not (project / SITE).exists():
            self.call("dmd", "init", "--slurm", folder=project)
        command = ["snakemake", "--profile", "slurm", *arguments]
        with (project / "snakemake.log").open("a") as log:
            return subprocess.Popen(command, cwd=project, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    def finish(self, process: subprocess.Popen, project: Path) -> None:
        assert process.wait(PATIENCE) == 0, (project / "snakemake.log").read_text()[-5000:]

    def node(self, job: str) -> str:
        return self.call("squeue", "-h", "-j", job, "-o", "%N").strip()

    def asked(self, project: Path) -> list[tuple[str, ...]]:
        """Return partition, GPUs and time limit of the jobs that a project has submitted."""
        columns = "Partition:10,tres-per-job:20,tres-per-node:20,TimeLimit:20,WorkDir:500"
        jobs = [line.split() for line in self.call("squeue", "-h", "--states=all", "-O", columns).splitlines()]
        return sorted(
            (partition, " ".join({job, node} - {"N/A"}) or "N/A", limit)
            for partition, job, node, limit, folder in jobs
            if folder == str(project)
        )

    def comments(self, project: Path) -> set[str]:
        """Return what `squeue -o %k` says about the jobs that a project has submitted."""
        lines = self.call("squeue", "-h", "--states=all", "-o", "%k %Z").splitlines()
        return {comment for comment, folder in map(str.split, lines) if folder == str(project)}


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
def interrupted(cluster, local, tmp_path_factory):
    """Two trainings in jobs: one frozen until SLURM wakes it to say that its time is over, one put back into the queue.

    They are started before the first test, so that the minute that is left to the one passes meanwhile.
    """
    folder = prepared(tmp_path_factory.mktemp("interrupted"), local)
    edit(folder, "# gpu_model: h100", "gpu_model: fake")
    process = cluster.start(folder, *THIN)
    runs = caught_in_mid_training(folder, process)
    limited, requeued = (owner(run)["job"] for run in runs)
    cluster.call("scontrol", "update", f"jobid={limited}", "timelimit=1")
    cluster.call("scontrol", "requeue", requeued)
    return process, folder, runs, limited, requeued


def edit(project: Path, old: str, new: str) -> None:
    """Fill in a line of the profile, before that of the cluster is made of it."""
    profile = project / "profiles/slurm/config.yaml"
    assert old in profile.read_text()
    profile.write_text(profile.read_text().replace(old, new))


def prepared(folder: Path, local: Path) -> Path:
    """A clone whose data are prepared and whose runs are not trained."""
    shutil.copytree(local / "results/data", clone(folder) / "results/data")
    return folder


def clone(folder: Path) -> Path:
    for name in ("config", "workflow", "profiles", "dmd"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "config.v9+.yaml"))
    for name in ("Snakefile", "environment.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder


def wait_until(what: Callable[[], bool], process: subprocess.Popen, project: Path) -> None:
    """Wait while Snakemake runs."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        assert process.poll() is None, (project / "snakemake.log").read_text()[-5000:]
        time.sleep(0.1)


def steps(run: Path) -> int:
    history = run / "history.jsonl"
    return history.read_bytes().count(b"\n") if history.exists() else 0


def owner(run: Path) -> dict:
    """Return who trains a run; nothing while the file comes or goes."""
    try:
        return json.loads((run / "owner.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def caught_in_mid_training(project: Path, process: subprocess.Popen) -> list[Path]:
    """Freeze the two trainings after some steps each, and return their folders by name: DMD first."""
    caught: set[Path] = set()

    def both() -> bool:
        for card in (project / "results/runs").glob("*/owner.json"):
            if card.parent not in caught and steps(card.parent) >= 5 and (found := owner(card.parent)):
                with suppress(ProcessLookupError):
                    os.kill(found["pid"], signal.SIGSTOP)
                    caught.add(card.parent)
        return len(caught) == 2

    wait_until(both, process, project)
    return sorted(caught)


def results_of(table: Path) -> list[dict[str, str]]:
    """Return the lines of a table without time, memory and device."""
    with table.open(newline="") as file:
        return [{name: line[name] for name in line if name not in MEASURED} for line in csv.DictReader(file)]


def require_the_same(project: Path, local: Path) -> None:
    """Compare the table but for what a machine took, and the weights and histories behind it, byte for byte."""
    assert results_of(project / TABLE) == results_of(local / TABLE)
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


@pytest.mark.usefixtures("interrupted")
def test_the_table_made_by_jobs_that_share_gpus_is_the_one_made_here(cluster, local, tmp_path):
    project = clone(tmp_path)
    edit(project, "gpu: 1 #", "gpu: 0 #")
    edit(project, "# gres: shard:1", "gres: shard:1")
    cluster.finish(cluster.start(project, *THIN), project)
    require_the_same(project, local)
    data, run = ("cpu", "N/A", "30:00"), ("gpu", "gres:shard:1", "10:00")
    assert cluster.asked(project) == 2 * [data] + 4 * [run], "prepare and check; train and test, of two runs each"
    runs = [folder.name for folder in (project / "results/runs").iterdir()]
    named = [f"rule_{rule}_wildcards_{run}" for rule in ("train", "test") for run in runs]
    assert set(named) < cluster.comments(project)


def test_a_time_limit_and_a_requeue_save_and_go_on(cluster, local, interrupted):
    process, project, runs, limited, requeued = interrupted
    cluster.finish(process, project)
    require_the_same(project, local)
    assert all(saved_in_mid_training(project, run) for run in runs)
    assert "JobState=TIMEOUT" in cluster.call("scontrol", "show", "job", limited)
    assert "Restarts=1" in cluster.call("scontrol", "show", "job", requeued)
    assert {gpus for _, gpus, _ in cluster.asked(project)} == {"gres:gpu:fake:1"}


def test_a_cancelled_job_and_a_lost_node_go_on_from_their_state(cluster, local, project):
    process = cluster.start(project, *THIN)
    cancelled, lost = caught_in_mid_training(project, process)
    cluster.call("scancel", owner(cancelled)["job"])
    job = owner(lost)["job"]
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
    edit(project, "gpu: 1 ", "gpu: 0 ")  # which is how a cluster without GPUs is used
    process = cluster.start(project, *THIN)
    runs = caught_in_mid_training(project, process)
    process.kill()
    process.wait()
    assert cluster.start(project, *THIN).wait(PATIENCE) != 0
    assert "--unlock" in (project / "snakemake.log").read_text()
    assert cluster.start(project, "--unlock", *THIN).wait(PATIENCE) == 0
    process = cluster.start(project, *THIN)
    frozen = set(runs)

    def all_thawed() -> bool:
        for run in [run for run in frozen if "waiting for job" in said(project, run)]:
            os.kill(owner(run)["pid"], signal.SIGCONT)
            frozen.remove(run)
        return not frozen

    wait_until(all_thawed, process, project)
    cluster.finish(process, project)
    require_the_same(project, local)
    for run in runs:
        assert "ended without a word" not in said(project, run)
        assert steps(run) == 60
    assert {gpus for _, gpus, _ in cluster.asked(project)} == {"N/A"}


def test_trainings_submitted_as_an_array_make_the_same_table(cluster, local, project):
    edit(project, "executor: slurm", "executor: slurm\nslurm-array-jobs: train")
    cluster.finish(cluster.start(project, *THIN), project)
    require_the_same(project, local)
    assert len([comment for comment in cluster.comments(project) if comment.startswith("rule_train")]) == 1


@pytest.mark.parametrize(
    ("filled_in", "said"),
    [
        ("slurm_partition: gpus", "test, train: slurm_partition: no 'gpus' here; did you mean 'gpu'?"),
        ("gpu_model: h100", "test, train: partition 'gpu' has no node with a GPU of type 'h100', but fake"),
        ("mem_mb: 900000", "test, train: partition 'gpu' has no node with 900000 MB, at most 8192"),
        ("runtime: 1441", "test, train: partition 'gpu' allows 1440 minutes, asked for are 1441"),
    ],
)
def test_what_would_not_run_is_said_before_anything_is_submitted(cluster, project, filled_in, said):
    cluster.call("dmd", "init", "--slurm", folder=project)
    profile = project / SITE
    kept = [line for line in profile.read_text().splitlines() if 'slurm_partition: "gpu"' not in line]
    own = filled_in if "partition" in filled_in else f"slurm_partition: gpu\n    {filled_in}"
    profile.write_text("\n".join(kept).replace("# gpu_model: h100", own))
    assert cluster.start(project, *THIN).wait(PATIENCE) != 0
    log = (project / "snakemake.log").read_text()
    assert said in log
    assert f"Edit {SITE}" in log
    assert "submitted" not in log


def test_what_slurm_alone_can_refuse_is_said_in_its_words_and_what_cannot_be_checked_too(cluster, project):
    edit(project, "# gpu_model: h100", "constraint: huge")
    edit(project, "# slurm-qos: long", "slurm-qos: gold")  # which SLURM takes where there is no accounting
    assert cluster.start(project, "--retries", "0", *THIN).wait(PATIENCE) != 0
    log = (project / "snakemake.log").read_text()
    assert "SLURM, not checked: slurm-qos 'gold': You are not running a supported accounting_storage plugin" in log
    assert log.count("Invalid feature specification") >= 2, "once for each training"
    assert "2 failed:\n  train " in log


def test_a_run_that_cannot_heal_is_trained_once_and_listed_with_its_reason(cluster, project):
    heavy = ["--config", "methods={dmd: {params: {weight: 1.0e+30}}}", *THIN]
    assert cluster.start(project, "--retries", "1", *heavy).wait(PATIENCE) != 0
    log = (project / "snakemake.log").read_text()
    assert log.count("so ended the first attempt; this one did not try again") == 1
    listed = log.split("\nFailed:\n")[1]
    assert re.match(r"  train synthetic3d-8-dmd-\w+\n +\S+ at\s+step 2 ", listed)
    assert f"Not made for want of that:\n  {TABLE}" in listed
