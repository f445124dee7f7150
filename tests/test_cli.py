"""The command line as people and the workflow call it: help, version, status codes, start."""

import errno
import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dmd import cli
from dmd.planning import identity
from dmd.runs.folder import RunFolder
from dmd.terminal import steps

VERBS = [
    "plan",
    "show",
    "compare",
    "predict",
    "export",
    "report",
    "ui",
    "track",
    "evaluate",
    "bundle",
    "merge",
    "init",
    "doctor",
    "retrain",
]
STEPS = [
    "describe",
    "download",
    "prepare",
    "check",
    "mosaic",
    "train",
    "test",
    "table",
    "curve",
    "panel",
    "follow",
]


def names(app) -> list[str]:
    """Return the commands of a group in the order of its help."""
    commands = [(app[name].sort_key, name) for name in app if not name.startswith("-")]
    return [name for _, name in sorted(commands)]


def test_peoples_verbs_come_first_and_the_workflows_steps_have_a_group():
    assert names(cli.app) == [*VERBS, "data", "method", "step"]
    assert names(steps.app) == STEPS


@pytest.mark.parametrize("name", [*VERBS, "data check", "data init", *(f"step {name}" for name in STEPS)])
def test_every_command_has_help_in_80_columns_with_an_example_that_is_one(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main([*name.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    words = " ".join(said.split())
    assert f"Usage: dmd {name}" in words
    example = words.partition("Example: dmd ")[2].partition(" <<<")[0]
    command = cli.app.parse_args(shlex.split(example))[0]
    assert example.startswith(name)
    assert command.__name__ == name.split()[-1].replace("-", "_")


def test_it_says_its_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("dmd")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_verbs_and_options(shell):
    script = cli.app.generate_completion(shell=shell)
    assert all(word in script for word in ("describe", "--no-browser" if shell != "fish" else "no-browser"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            "step train {folder}/la-8-dmd-00000000 --store none.h5",
            "dmd step train: expected the id of a planned run or a folder with its spec.json",
        ),
        ("step train x --store none.h5 --save-every 0", "dmd step train: Invalid value"),
        ("shwo x", "dmd: Unknown command"),
        ("show", "dmd show: "),
        ("plan --scal half", "dmd plan: Unknown option: --scal. Did you mean --scale?"),
        ("plan --slurm --json", "dmd plan: expected --slurm, which prints text, or --json, found both; leave one out"),
        ("report a.json --scale half", "dmd report: expected descriptions, or --scale for all artefacts of one"),
        ("track mistyped", "dmd track: expected the id of one of the "),
        ("track results/runs/none", "dmd track: expected the id of one of the "),
        ("track guest-la-8-0123456789", "dmd track: expected masks made elsewhere at results/guests/guest-la-8-01"),
        ("plan --config scale", "dmd plan: --config: expected KEY=VALUE, found 'scale'"),
        ("ui smoke/tabel3", "dmd ui: the configuration: unknown artefact 'smoke/tabel3'; did you mean 'smoke/table3'?"),
    ],
)
def test_bad_input_is_a_message_and_status_2(call, said, tmp_path, root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(call.format(folder=tmp_path).split()) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(said)
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EROFS, "Make room, or the folder writable"),
        (errno.EACCES, "You may not read or write it; have whoever owns it allow that"),
        (errno.EPERM, "You may not read or write it; have whoever owns it allow that"),
    ],
)
def test_a_disk_that_refuses_is_a_message_and_status_4(number, cure, tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(number, os.strerror(number), "results/runs/x/state.pt")

    (tmp_path / "spec.json").touch()
    monkeypatch.setattr(RunFolder, "read_spec", refuse)
    assert cli.main(["step", "train", str(tmp_path), "--store", "none.h5"]) == 4
    said = capsys.readouterr().err
    assert said.startswith(
        f"dmd step train: {os.strerror(number)}: results/runs/x/state.pt. What was written before is whole. {cure}"
    )


def test_what_one_may_not_read_is_bad_input_and_no_full_disk(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "spec.json"))

    (tmp_path / "spec.json").touch()
    monkeypatch.setattr(RunFolder, "read_spec", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK)  # root may read everything
    assert cli.main(["step", "train", str(tmp_path), "--store", "none.h5"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"dmd step train: expected what you may read at {tmp_path / 'spec.json'}; have whoever")
    assert said.out == ""


def test_a_reader_that_leaves_early_is_no_fault(root):
    command = f"{sys.executable} -m dmd plan --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(["bash", "-c", command], cwd=root, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[\n141\n", "")


def test_another_fault_of_the_system_keeps_its_traceback(tmp_path, monkeypatch):
    (tmp_path / "spec.json").touch()
    monkeypatch.setattr(RunFolder, "read_spec", lambda _: Path("/no/such/file").stat())
    with pytest.raises(FileNotFoundError):
        cli.main(["step", "train", str(tmp_path), "--store", "none.h5"])


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
    assert run["spec"]["training"]["method"] == {"implementation": "cps", "params": {"weight": 1}, "revision": 1}
    assert identity.run_id(run["spec"]["training"]) == run["run"]


def test_a_configuration_of_ones_own_is_laid_over_the_projects(root, tmp_path, monkeypatch, capsys):
    """A file, then another over it, then values on the command line over both."""
    (tmp_path / "one.yaml").write_text("scales: {smoke: {seeds: [1]}}\n")
    (tmp_path / "two.yaml").write_text("scales: {smoke: {seeds: [1, 2]}}\n")
    files = ["--configfile", str(tmp_path / "one.yaml"), "--configfile", str(tmp_path / "two.yaml")]
    call = ["plan", "--json", "smoke/table3", "method=cps", *files]

    def seeds(*more: str) -> list[int]:
        assert cli.main([*call, *more]) == 0
        return [run["spec"]["training"]["seed"] for run in json.loads(capsys.readouterr().out)]

    monkeypatch.chdir(root)
    assert seeds() == [1, 2]
    assert seeds("--config", "scales={smoke: {seeds: [3]}}", "--config", "scale=smoke") == [3]


@pytest.mark.parametrize("options", [[], ["--slurm"], ["half/table3"], ["--json"]])
def test_plan_imports_nothing_that_takes_seconds(root, options):
    """Login nodes stay idle."""
    heavy = "{'torch', 'mlflow', 'numpy', 'pandas', 'scipy', 'h5py', 'plotille', 'tqdm', 'filelock', 'rich'}"
    code = (
        f"import sys; from dmd import cli; sys.exit(cli.main(['plan', *{options}]) or bool({heavy} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True).returncode == 0
