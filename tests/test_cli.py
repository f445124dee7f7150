import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmd import cli
from dmd.errors import InputError
from dmd.planning import config, identity, plan
from dmd.runs.folder import RunFolder
from dmd.terminal.plan import find, orphans, progress


@pytest.fixture
def made(content, root) -> plan.Plan:
    return plan.make(config.check(content), root)


@pytest.mark.parametrize(
    "name",
    [
        "plan",
        "show",
        "predict",
        "describe",
        "download",
        "prepare",
        "check",
        "train",
        "predict-test",
        "evaluate",
        "table",
        "compare",
        "curve",
        "panel",
        "report",
        "track-store",
        "track",
        "follow",
        "ui",
    ],
)
def test_every_command_has_help_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"])
    assert left.value.code == 0
    assert f"example: dmd {name}" in capsys.readouterr().out


def test_bad_input_is_a_message_and_status_2(tmp_path, capsys):
    assert cli.main(["train", str(tmp_path / "la-8-dmd-00000000"), "--store", "none.h5"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("dmd train: expected the settings of a run")
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_a_message_and_status_4(number, root, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number), "results/runs/x/state.pt")

    monkeypatch.setattr(RunFolder, "read_spec", refuse)
    assert cli.main(["train", "results/runs/x", "--store", "none.h5"]) == 4
    said = capsys.readouterr().err
    assert said.startswith(
        f"dmd train: {os.strerror(number)}: results/runs/x/state.pt. What was written before is whole."
    )


def test_a_reader_that_leaves_early_is_no_fault(root):
    command = f"{sys.executable} -m dmd plan --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[\n141\n", "")


def test_another_fault_of_the_system_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(RunFolder, "read_spec", lambda _: Path("/no/such/file").stat())
    with pytest.raises(FileNotFoundError):
        cli.main(["train", "results/runs/x", "--store", "none.h5"])


def test_plan_lists_the_runs_of_a_scale_with_their_artefacts(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(["plan", "--scale", "half", "method=dmd", "temperature=2.0", "labelled=8"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "in no plan" not in line]
    assert lines[0].startswith("la-8-dmd-")
    assert "half/table1, half/table3, half/fig2" in lines[0]
    assert all(line.startswith("la-8-dmd-") for line in lines[:-1])
    assert lines[-1].startswith(f"{len(lines) - 1} runs: ")


def test_plan_as_json_holds_the_settings(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    cli.main(["plan", "--json", "--scale", "smoke", "method=cps"])
    (run,) = json.loads(capsys.readouterr().out)
    assert run["spec"]["method"] == {"implementation": "cps", "params": {"weight": 1}, "revision": 1}
    assert identity.run_id(run["spec"]) == run["run"]


def test_conditions_select_by_any_setting(made):
    assert {run.spec.training["seed"] for run in find(made, ["seed=1338"])} == {1338}
    assert find(made, ["temperature=7"]) == []
    with pytest.raises(InputError, match="expected key=value, found 'seed'"):
        find(made, ["seed"])


def test_the_state_of_a_run_is_read_off_its_files(tmp_path):
    run = RunFolder(tmp_path / "x")
    run.path.mkdir()
    seen = [progress(run)]
    for file in (run.history, run.weights, run.cases):
        file.touch()
        seen.append(progress(run))
    assert seen == ["missing", "started", "trained", "evaluated"]


def test_run_folders_that_no_artefact_wants_are_orphans(made, tmp_path):
    wanted = next(iter(made.runs))
    for name in (wanted, "la-8-dmd-00000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").touch()
    assert orphans(made, tmp_path) == ["la-8-dmd-00000000"]


@pytest.mark.parametrize("options", [[], ["--slurm"]])
def test_plan_imports_nothing_that_takes_seconds(root, options):
    """Login nodes stay idle."""
    heavy = "{'torch', 'mlflow', 'numpy', 'pandas', 'scipy'}"
    code = (
        f"import sys; from dmd import cli; sys.exit(cli.main(['plan', *{options}]) or bool({heavy} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True).returncode == 0
