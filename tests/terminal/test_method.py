import shlex
import subprocess
import sys

import pytest

from dmd import cli


@pytest.fixture
def project(root, tmp_path, monkeypatch):
    (tmp_path / "config").symlink_to(root / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_method_keeps_the_contract_and_is_planned(project, capsys):
    assert cli.main(["method", "new", "mean-mine"]) == 0
    assert "dmd method check mean-mine --configfile mean-mine.yaml" in capsys.readouterr().out
    assert len((project / "mean-mine.py").read_text().splitlines()) <= 42
    assert cli.main(["method", "check", "mean-mine", "--configfile", "mean-mine.yaml"]) == 0
    said = capsys.readouterr().out
    assert said.count("kept") == 10
    assert "BROKEN" not in said
    assert cli.main(["plan", "--configfile", "mean-mine.yaml", "smoke/mean-mine"]) == 0
    assert "synthetic3d-8-mean-mine-" in capsys.readouterr().out


def test_a_method_that_breaks_the_contract_is_said_so_with_the_place(project, capsys):
    cli.main(["method", "new", "mine"])
    text = (project / "mine.py").read_text()
    assert "supervised_dice(seen, batch.labels)" in text
    (project / "mine.py").write_text(text.replace("supervised_dice(seen, ", "supervised_dice(unseen[:1], "))
    with pytest.raises(SystemExit, match="1"):
        cli.main(["method", "check", "mine", "--configfile", "mine.yaml"])
    said = capsys.readouterr().out
    assert "  BROKEN  steps are finite: ValueError: expected equal shapes" in said
    assert "(line 38)" in said


def test_what_is_there_is_never_written_over(project, capsys):
    (project / "mine.yaml").write_text("mine\n")
    assert cli.main(["method", "new", "mine"]) == 2
    assert "expected no file at mine.yaml yet" in capsys.readouterr().err
    assert not (project / "mine.py").exists()


@pytest.mark.parametrize("name", ["Mine", "my method", "../mine", "x;y", "on", "null", "42", "1_000", "2024-01-01"])
def test_a_name_that_is_none_or_another_value_for_yaml_is_refused(project, capsys, name):
    assert cli.main(["method", "new", name]) == 2
    assert "expected a name of small letters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dmd", "does not have yet, found 'dmd'"),
        ("table3", "does not have yet, found 'table3'"),
        ("report", "another name than that of the page, found 'report'"),
    ],
)
def test_a_name_that_something_has_is_refused_and_nothing_is_written(project, capsys, name, said):
    """Its table would be laid over Table 3."""
    assert cli.main(["method", "new", name]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in project.iterdir()] == ["config"]


def test_a_folder_with_a_blank_is_planned_and_the_next_command_can_be_pasted(project, capsys):
    assert cli.main(["method", "new", "mine", "--folder", "my code"]) == 0
    following = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(following)[1:] == ["method", "check", "mine", "--configfile", "my code/mine.yaml"]
    assert "--configfile 'my code/mine.yaml' --" in (project / "my code/mine.yaml").read_text().splitlines()[0]
    assert cli.main(["plan", "--configfile", "my code/mine.yaml", "smoke/mine"]) == 0
    assert "synthetic3d-8-mine-" in capsys.readouterr().out


def test_planning_a_method_of_ones_own_imports_no_torch(project):
    cli.main(["method", "new", "mine"])
    code = (
        "import sys; from dmd.planning import config, plan, reading; from pathlib import Path\n"
        "plan.make(config.check(reading.read(Path('config'), Path('mine.yaml'))))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
