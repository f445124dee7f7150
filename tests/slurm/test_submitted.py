"""What the profile `slurm` submits to a real SLURM, and what it refuses before."""

import re

import pytest
from workflow.project import clone

from dmd.terminal.site import SITE
from slurm.cluster import PATIENCE
from slurm.project import TABLE, THIN, edit, require_the_same

pytestmark = pytest.mark.slow


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
