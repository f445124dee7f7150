"""`dmd init`: a new folder has what is one's own, and nothing of anybody's is written over."""

import os

import pytest
import yaml

from dmd import cli
from dmd.planning import config, reading
from dmd.terminal.init import FIRST

MADE = [".gitignore", "Snakefile", "config", "profiles", "slurm"]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_has_what_is_ones_own_and_the_next_command_is_said(tmp_path, root, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "my work"]) == 0
    assert names(tmp_path / "my work") == MADE
    assert capsys.readouterr().out.splitlines()[-2:] == ["  cd 'my work'", f"  {FIRST}"]
    assert yaml.safe_load((tmp_path / "my work/config/config.yaml").read_text()) is None
    for profile in ("profiles/default/config.yaml", "slurm/config.yaml"):
        assert (tmp_path / "my work" / profile).read_text() == (root / profile).read_text()


def test_the_configuration_that_it_suggests_is_one(tmp_path):
    assert cli.main(["init", str(tmp_path / "new")]) == 0
    own = tmp_path / "new/config/config.yaml"
    suggested = [line.removeprefix("# ") for line in own.read_text().splitlines()]
    own.write_text("\n".join(suggested[suggested.index("#") + 1 :]))
    checked = config.check(reading.read(own.parent))
    assert (checked.scale, checked.data["la"], checked.tracking.uri) == ("half", "/data/la", "http://localhost:5000")


def test_the_folder_that_one_is_in_may_hold_an_environment_and_results(tmp_path, monkeypatch, capsys):
    (tmp_path / ".venv").mkdir()
    (tmp_path / "results").symlink_to("/scratch")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init"]) == 0
    assert names(tmp_path) == sorted([".venv", "results", *MADE])
    assert "  cd " not in capsys.readouterr().out


@pytest.mark.parametrize("there", [*MADE, "notes.txt"])
def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path, capsys, there):
    (tmp_path / there).write_text("mine")
    assert cli.main(["init", str(tmp_path)]) == 2
    assert f"expected an empty folder at {tmp_path}, found {there}; nothing was written" in capsys.readouterr().err
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_file_in_its_place_is_refused(tmp_path, capsys):
    (tmp_path / "work").write_text("mine")
    assert cli.main(["init", str(tmp_path / "work")]) == 2
    assert f"expected a folder at {tmp_path}/work, or nothing, found a file" in capsys.readouterr().err


def test_what_a_full_disk_cut_short_can_be_repeated(tmp_path, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28), "slurm")

    (tmp_path / ".venv").mkdir()
    with monkeypatch.context() as disk:
        disk.setattr("pathlib.Path.symlink_to", full)
        assert cli.main(["init", str(tmp_path)]) == 4
    assert names(tmp_path) == [".venv"]
    assert cli.main(["init", str(tmp_path)]) == 0
