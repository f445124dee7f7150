"""`dmd init --slurm`: a profile of one's own, which Snakemake takes and git does not see."""

import shutil
import subprocess

import pytest
import yaml
from slurm_said import SINFO

from dmd import cli
from dmd.terminal.site import PROFILE, SITE


@pytest.fixture
def here(tmp_path, root, monkeypatch):
    shutil.copytree(root / PROFILE.parent, tmp_path / PROFILE.parent, ignore=shutil.ignore_patterns(SITE.name))
    monkeypatch.chdir(tmp_path)


def made() -> dict:
    return yaml.safe_load(SITE.read_text())


def test_the_profile_is_the_projects_with_the_partitions_that_there_are(here, slurm, capsys):
    """Of those with GPUs the one without a limit; the default for what needs none."""
    assert cli.main(["init", "--slurm"]) == 0
    default = yaml.safe_load(PROFILE.read_text())
    gpu = {"gpu": 1, "slurm_partition": "mixed"}
    assert made() == default | {
        "default-resources": default["default-resources"] | {"slurm_partition": "cpu"},
        "set-resources": {"train": gpu, "test": gpu, "panel": gpu},
    }
    said = capsys.readouterr().out.splitlines()
    assert "  mixed: no limit, GPUs of no type, a100, v100.16gb" in said
    assert "  secret: at most 0.5 h, GPUs of no type, not up" in said
    assert "Your accounts: lab, root" in said
    assert said[-1] == f"{SITE}: trainings and tests go to mixed, the rest to cpu. Edit it as you like"


def test_a_profile_that_somebody_filled_in_keeps_its_own_partitions_and_is_said_to(here, slurm, capsys):
    """Nothing stands in the place of an example that is gone."""
    text = PROFILE.read_text().replace("# slurm_partition: gpu", "slurm_partition: mine")
    PROFILE.write_text(text)
    assert cli.main(["init", "--slurm"]) == 0
    assert made()["set-resources"]["train"]["slurm_partition"] == "mine"
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"{SITE}: trainings and tests go where {PROFILE} says, the rest to cpu. Edit it as you like"
    SITE.unlink()
    PROFILE.write_text(text.replace("# slurm_partition: cpu", "slurm_partition: serial"))
    assert cli.main(["init", "--slurm"]) == 0
    assert (
        f"trainings and tests go where {PROFILE} says, the rest where {PROFILE} says. Edit" in capsys.readouterr().out
    )


def test_a_cluster_without_gpus_is_asked_for_none(here, slurm, commands, capsys):
    without = "\n".join(line for line in SINFO.splitlines() if "gpu" not in line)
    commands("sinfo", f"echo '{without}'")
    assert cli.main(["init", "--slurm"]) == 0
    assert made()["set-resources"]["train"] == {"gpu": 0}
    assert "trainings and tests use no GPU, the rest to cpu." in capsys.readouterr().out
    assert made()["default-resources"]["slurm_partition"] == "cpu"


def test_a_profile_that_is_there_stays(here, slurm, capsys):
    SITE.write_text("mine: true\n")
    assert cli.main(["init", "--slurm"]) == 2
    assert f"{SITE} is there; edit it, or delete it" in capsys.readouterr().err
    assert SITE.read_text() == "mine: true\n"


def test_a_new_folder_may_have_its_profile_from_the_start(tmp_path, slurm):
    assert cli.main(["init", str(tmp_path / "new one"), "--slurm"]) == 0
    assert yaml.safe_load((tmp_path / "new one" / SITE).read_text())["default-resources"]["slurm_partition"] == "cpu"


def test_without_slurm_nothing_is_made(tmp_path, commands, capsys):
    assert cli.main(["init", str(tmp_path / "new"), "--slurm"]) == 2
    assert "expected SLURM's `sbatch` on the path" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_git_ignores_it(root):
    assert subprocess.run(["git", "-C", root, "check-ignore", "--quiet", SITE]).returncode == 0
