import os

import pytest
from conftest import tiny_training

from dmd import cli
from dmd.files import write_json
from dmd.runs.folder import RunFolder

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}


def doctor(run: RunFolder, *options: str) -> int:
    return cli.main(["doctor", *options, "--results", str(run.path.parents[1])])


def test_a_record_that_vouches_for_nothing_is_torn(tiny_run, capsys):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    write_json(run.facts, {"run": run.id, "steps": 10})
    with pytest.raises(SystemExit, match="1"):
        doctor(run)
    said = capsys.readouterr().out
    assert f"{run.id}  torn" in said
    assert "run.json: expected it as the run left it" in said


def test_litter_is_shown_and_deleted_when_asked(tmp_path, tiny_run, capsys):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    part = run.path.parents[1] / f".mlflow.db.{os.uname().nodename}-999999999.part"
    part.touch()
    assert doctor(run) == 0
    assert part.exists()
    assert "--clean deletes it" in capsys.readouterr().out
    assert doctor(run, "--clean") == 0
    assert not part.exists()
    assert run.spec.exists()


def test_a_folder_without_runs_is_said_to_have_none(tmp_path, capsys):
    assert cli.main(["doctor", "--results", str(tmp_path / "typo")]) == 0
    assert capsys.readouterr().out == f"no runs in {tmp_path / 'typo/runs'}\n"


def test_cleaning_is_of_a_whole_folder_and_refused_beside_the_name_of_a_run(tiny_run, capsys):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    assert doctor(run, run.id, "--clean") == 2
    assert "expected --clean, which goes over all of results, or runs by name" in capsys.readouterr().err
