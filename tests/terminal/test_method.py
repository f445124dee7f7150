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


@pytest.mark.parametrize("name", ["Mine", "my method", "../mine", "x;y"])
def test_a_name_that_is_none_is_refused(project, capsys, name):
    assert cli.main(["method", "new", name]) == 2
    assert "expected a name of small letters" in capsys.readouterr().err


def test_planning_a_method_of_ones_own_imports_no_torch(project):
    cli.main(["method", "new", "mine"])
    code = (
        "import sys; from dmd.planning import config, plan, reading; from pathlib import Path\n"
        "plan.make(config.check(reading.read(Path('config'), Path('mine.yaml'))))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
