"""Whatever interrupts jobs, nodes and Snakemake on a real SLURM, the table is the local one."""

import os
import signal
from pathlib import Path

import pytest

from slurm.cluster import PATIENCE, Cluster
from slurm.project import (
    THIN,
    caught_in_mid_training,
    edit,
    owner,
    prepared,
    require_the_same,
    said,
    saved_in_mid_training,
    steps,
    wait_until,
)

pytestmark = pytest.mark.slow


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


@pytest.mark.usefixtures("interrupted")
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
    first, job = owner(cancelled)["job"], owner(lost)["job"]
    cluster.call("scancel", first)
    # Both may be on one node, and its daemon must have said to the one to end before the other loses it.
    wait_until(lambda: owner(cancelled).get("job") != first, process, project)
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
