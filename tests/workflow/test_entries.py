"""The ways into the workflow: the root's Snakefile, workflow/Snakefile, and a project that takes it as a module."""

import shutil
from pathlib import Path

import pytest
import yaml

from workflow.project import clone, jobs, snakemake

TARGET = ("--dry-run", "--", "results/half/table3.csv")
PLAIN = ("--dry-run", "--config", "scale=half")
# What `snakedeploy deploy-workflow` writes beside its copies of config/ and profiles/.
DEPLOYED = """
configfile: "config/config.yaml"


module dmd:
    snakefile:
        "{root}/workflow/Snakefile"
    config:
        config


use rule * from dmd
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def deployed(copy, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("deployed")
    for name in ("config", "profiles"):
        shutil.copytree(copy / name, folder / name)
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(DEPLOYED.format(root=copy))
    return folder


@pytest.mark.parametrize("asked", [TARGET, PLAIN], ids=["a target", "the default"])
def test_both_snakefiles_plan_the_same(copy, asked):
    root, inner = snakemake(copy, *asked), snakemake(copy, "--snakefile", "workflow/Snakefile", *asked)
    assert root.returncode == inner.returncode == 0, root.stderr + inner.stderr
    assert jobs(root.stdout) == jobs(inner.stdout)
    assert "workflow specific profile profiles/default" in inner.stderr


def test_a_project_that_takes_the_workflow_as_a_module_plans_the_same(copy, deployed):
    done = snakemake(deployed, *TARGET, PYTHONPATH=str(copy))
    assert done.returncode == 0, done.stderr
    assert jobs(done.stdout) == jobs(snakemake(copy, *TARGET).stdout)
    assert "workflow specific profile profiles/default" in done.stderr


def test_its_own_configuration_counts(copy, deployed):
    (deployed / "config/config.yaml").write_text("{build: [table2], scale: half}")
    done = snakemake(deployed, "--dry-run", PYTHONPATH=str(copy))
    assert done.returncode == 0, done.stderr
    assert "results/half/table2.csv" in done.stdout


@pytest.mark.parametrize("configured", [False, True])
def test_results_may_lie_elsewhere(copy, tmp_path, configured):
    """The configuration is the checkout's, and what stands in the other folder is laid over it."""
    elsewhere = tmp_path / "a scratch disk"
    elsewhere.mkdir()
    if configured:
        (elsewhere / "config").mkdir()
        (elsewhere / "config/config.yaml").write_text(f"data: {{la: {elsewhere}/my copy}}")
    done = snakemake(copy, "--directory", str(elsewhere), "--printshellcmds", *TARGET)
    assert done.returncode == 0, done.stderr
    planned = jobs(snakemake(copy, *TARGET).stdout)
    needed = {name: count for name, count in planned.items() if name != "download" or not configured}
    assert jobs(done.stdout) == needed
    assert (f"prepare la-2x2x2 '{elsewhere}/my copy'" in done.stdout) == configured


def test_steps_work_elsewhere(copy, tmp_path):
    store = "results/data/synthetic3d-1x1x1.check.json"
    (tmp_path / "a scratch disk").mkdir()
    done = snakemake(copy, "--directory", str(tmp_path / "a scratch disk"), "--", store)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a scratch disk" / store).exists()
    assert not (copy / store).exists()


def test_the_catalogue_finds_what_it_looks_for(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"]["conda"] is False
    rules = [root / "workflow/Snakefile", *(root / "workflow/rules").glob("*.smk")]
    assert not any("conda:" in path.read_text() for path in rules)
    assert (root / "workflow/Snakefile").is_file()
    assert (root / "config/README.md").is_file()
