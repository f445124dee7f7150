"""`pip install` of the project, and a folder to work in: everything as in a checkout, and nothing of one is needed."""

import json
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

from workflow.installed import Environment, build, commit_all, source
from workflow.project import jobs

TINY = """
scales:
  smoke: {datasets: {la: {iterations: 2}}}
artefacts:
  tiny: {kind: table, caption: Tiny., columns: [dice], runs: [{dataset: la, labelled: 8, method: [supervised]}]}
"""
PAGE = (Path(__file__).parents[2] / "docs/working-folder.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout in which something was built before, of a method that there is no more."""
    folder = source(tmp_path_factory.mktemp("checkout"))
    (folder / "build/lib/dmd/methods").mkdir(parents=True)
    (folder / "build/lib/dmd/methods/gone.py").touch()
    (folder / "profiles/slurm/config.v9+.yaml").write_text("# of the cluster of who builds it\n")
    return folder


@pytest.fixture(scope="module")
def built(project, tmp_path_factory) -> tuple[str, Path]:
    """The commit and the wheel."""
    (project / ".gitignore").write_text("build/\n*.egg-info/\n__pycache__/\n")
    return commit_all(project), build(project, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder of somebody's own work, under git, in which everything else lies."""
    folder = tmp_path_factory.mktemp("home") / "a user's work"
    folder.mkdir()
    commit_all(folder)
    return folder


@pytest.fixture(scope="module")
def environment(home, built) -> Environment:
    return Environment(home / "my env", built[1])


@pytest.fixture(scope="module")
def work(home, environment) -> Path:
    done = environment.run(home, "dmd", "init", "left atrium")
    assert done.returncode == 0, done.stderr
    return home / "left atrium"


def test_the_wheel_holds_what_the_package_reads_and_nothing_of_a_build_before(built):
    names = zipfile.ZipFile(built[1]).namelist()
    assert {"dmd/project/docs/deviations.md", "dmd/project/config/splits/la.json"} <= set(names)
    assert not [name for name in names if "gone" in name or "v9+" in name or "__pycache__" in name]
    assert {name.split("/")[0] for name in names} == {"dmd", "dmd-0.1.0.dist-info"}


def test_the_archive_of_the_sources_builds_the_same_but_for_the_commit(project, built, tmp_path):
    shutil.unpack_archive(build(project, tmp_path / "archive", "sdist"), tmp_path)
    rebuilt = build(next(tmp_path.glob("dmd-*")), tmp_path / "wheel")
    whole, names = (set(zipfile.ZipFile(wheel).namelist()) for wheel in (built[1], rebuilt))
    assert whole - names == {"dmd/project/commit"}
    assert names <= whole


def test_an_editable_installation_reads_the_checkout(project, tmp_path):
    names = zipfile.ZipFile(build(project, tmp_path, "editable")).namelist()
    assert not [name for name in names if "project" in name]
    assert not (project / "dmd/project").exists()


def test_a_run_says_the_commit_that_the_package_was_built_from(environment, home, built):
    """And not that of the repository which the environment lies in."""
    (home / "ask.py").write_text("from dmd.training import checkout\nprint(checkout.commit(), [checkout.changes()])\n")
    assert environment.run(home, "ask").stdout == f"{built[0]} ['']\n"


def commands() -> list[str]:
    """Return the page's calls of Snakemake in a working folder."""
    return [line for line in re.findall(r"^    (snakemake .*)$", PAGE, re.M) if "--directory" not in line]


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_page_plan_what_they_say(environment, work, command):
    done = environment.run(work, *shlex.split(command.replace(" -- ", " --dry-run -- ")))
    assert done.returncode == 0, done.stderr
    assert {"prepare", "check", "train", "test", "table"} <= set(jobs(done.stdout))
    assert "workflow specific profile profiles/default" in done.stderr


def test_a_run_has_the_name_that_it_has_in_a_checkout(environment, work):
    assert "la-8-dmd-c9a4cace99" in environment.run(work, "dmd", "plan", "half/table3").stdout


def test_a_snakefile_of_ones_own_takes_the_workflow_as_a_module(environment, home):
    (home / "own").mkdir()
    (home / "own/Snakefile").write_text(re.search(r"```python\n(.*?)```", PAGE, re.S)[1])
    done = environment.run(home / "own", "snakemake", "--cores", "2", "--dry-run")
    assert done.returncode == 0, done.stderr
    planned = {"download": 1, "prepare": 1, "check": 1, "train": 5, "test": 5, "table": 1}
    assert jobs(done.stdout) == {f"dmd_{name}": count for name, count in planned.items()} | {"mine": 1}


@pytest.mark.slow
def test_a_table_is_made_there_and_every_verb_finds_it(environment, work, built, tmp_path):
    (tmp_path / "scratch disk").mkdir()
    (work / "results").symlink_to(tmp_path / "scratch disk")
    (work / "config/config.yaml").write_text(TINY)
    done = environment.run(work, "snakemake", "--cores", "2", "--", "results/smoke/tiny.csv")
    assert done.returncode == 0, done.stderr
    (run,) = (work / "results/runs").iterdir()
    assert json.loads((run / "run.json").read_text())["commit"] == built[0]
    assert (run / "tracked.json").exists()
    said = {
        ("plan", "smoke/tiny"): "1 evaluated",
        ("show", run.name): f"commit    {built[0]}",
        ("doctor",): f"{run.name}  whole",
        ("report",): "results/smoke/report.html",
    }
    for words, expected in said.items():
        done = environment.run(work, "dmd", *words)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    assert "Readings of the paper" in (work / "results/smoke/report.html").read_text()
