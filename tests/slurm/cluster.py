"""A private SLURM: its commands, and Snakemake with the profile of it beside them."""

import os
import socket
import subprocess
from pathlib import Path

from workflow.project import BIN

from dmd.terminal.site import SITE

PATIENCE = 900  # seconds until a step of a test counts as hanging; it takes a tenth of that


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
    """Return the first of so many neighbouring ports that nobody listens on, nor a cluster that starts beside."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for first in range(16817 + 1000 * worker, 17817 + 1000 * worker, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("no free ports")
