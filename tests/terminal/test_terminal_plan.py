"""How far runs are and what is left, from the files of their folders."""

import json
import os
import re
import time

import pytest
from conftest import ROOT

from dmd.errors import InputError
from dmd.planning import config, plan, reading
from dmd.runs.folder import RunFolder
from dmd.runs.history import History
from dmd.runs.ownership import owned
from dmd.terminal import cost
from dmd.terminal.failure import noted
from dmd.terminal.plan import KEYS, Standing, clock, find_orphans, show, show_json, standing


@pytest.fixture(scope="module")
def made() -> plan.Plan:
    return plan.make(config.check(reading.read(ROOT / "config")), ROOT)


@pytest.fixture(scope="module")
def half(made) -> list[plan.Run]:
    """The five runs of 500 iterations behind Table 3 at half resolution."""
    return [made.runs[name] for name in made.artefacts["quick/table3"].runs]


def folder_of(run: plan.Run, runs) -> RunFolder:
    folder = RunFolder(runs / run.id)
    folder.write_spec(run.spec)
    return folder


def leave_history(run: RunFolder, *moments: float, first: int = 1) -> None:
    """Leave a history of steps that ended at so many seconds."""
    with run.history.open("a") as file:
        for step, moment in enumerate(moments, first):
            file.write(json.dumps({"step": step, "time": round(1000 * moment), "values": {"loss": 1.0}}) + "\n")


def leave_scores(run: RunFolder, testing: dict) -> None:
    run.cases.touch()
    run.test.write_text(json.dumps({"testing": testing}))


def beat(run: RunFolder, age: float = 0, **changes) -> None:
    """Leave the file of an owner on another machine that has beaten some seconds ago."""
    card = {"host": "n7", "user": "alice", "pid": 4711, "job": "17", "machine": "other", "token": "t", "beats": 3}
    run.owner.write_text(json.dumps(card | changes))
    os.utime(run.owner, (time.time() - age,) * 2)


def test_a_run_with_a_living_owner_is_running_and_its_own_pace_counts(half, tmp_path):
    """Steps of 2 s; 496 of 500 are left, 992 s. What was measured elsewhere does not matter."""
    run = folder_of(half[0], tmp_path)
    leave_history(run, 10, 12, 14, 16)
    beat(run, age=12)
    times = {cost.key(half[0].spec): {"cpu": 100.0}}
    assert standing(run, half[0].spec, times) == Standing("running", 4, 500, 992.0)


def test_the_pause_before_a_run_was_resumed_is_no_pace(half, tmp_path):
    """Pauses of 2, 2, 3600 and 2 s: the long one counts as ten of the median, (6 + 20) / 4 = 6.5 s for 495 steps."""
    run = folder_of(half[0], tmp_path)
    leave_history(run, 0, 2, 4, 3604, 3606)
    beat(run)
    assert standing(run, half[0].spec, {}).seconds_left == 6.5 * 495


def test_a_run_that_has_just_begun_goes_by_the_measured_step_time(half, tmp_path):
    run = folder_of(half[0], tmp_path)
    beat(run)
    assert standing(run, half[0].spec, {}) == Standing("running", 0, 500, None)
    times = {cost.key(half[0].spec): {"cpu": 2.0, "Some GPU": 0.5}}
    assert standing(run, half[0].spec, times) == Standing("running", 0, 500, 250.0)


def test_a_run_whose_owner_is_silent_or_has_ended_is_only_started(half, tmp_path):
    run = folder_of(half[0], tmp_path)
    leave_history(run, 10, 12, 14, 16)
    times = {cost.key(half[0].spec): {"cpu": 3.0}}
    started = Standing("started", 4, 500, 3.0 * 496)
    assert standing(run, half[0].spec, times) == started
    beat(run, age=31)
    assert standing(run, half[0].spec, times) == started
    with owned(run.path / "other", "run"):
        card = json.loads((run.path / "other").read_text())
    beat(run, **card | {"pid": 2**22 + 1})  # more than a process number of this machine can be
    assert standing(run, half[0].spec, times) == started


def test_a_training_of_this_very_process_is_running(half, tmp_path):
    run = folder_of(half[0], tmp_path)
    with owned(run.owner, run.id), History(run.history) as history:
        history.append(1, {"loss": 1.0})
        assert standing(run, half[0].spec, {}).state == "running"


def test_what_is_trained_has_nothing_left(half, tmp_path):
    run = folder_of(half[0], tmp_path)
    run.weights.touch()
    beat(run)
    assert standing(run, half[0].spec, {}) == Standing("trained", 500, 500, 0)
    leave_scores(run, half[0].spec.testing)
    assert standing(run, half[0].spec, {}) == Standing("evaluated", 500, 500, 0)


def test_a_run_that_was_tested_in_another_way_is_only_trained(half, tmp_path):
    run = folder_of(half[0], tmp_path)
    run.weights.touch()
    leave_scores(run, {"stride": [8, 8, 8]})
    assert standing(run, half[0].spec, {}).state == "trained"


@pytest.mark.parametrize(
    ("step", "files", "state"),
    [
        ("prepare", [], "failed"),
        ("check", [], "failed"),
        ("train", ["history.jsonl"], "failed"),
        ("test", ["weights.pt"], "failed"),
        ("train", ["weights.pt"], "trained"),
        ("test", [], "missing"),
    ],
)
def test_what_keeps_a_run_from_going_on_is_said(half, tmp_path, step, files, state):
    """A failure of what has been made since, or is not due yet, is none."""
    run = folder_of(half[0], tmp_path / "runs")
    for name in files:
        (run.path / name).touch()
    name = half[0].store if step in ("prepare", "check") else run.id
    (tmp_path / "logs" / step).mkdir(parents=True)
    with pytest.raises(InputError), noted(tmp_path, step, name, 1):
        raise InputError("no such scan")
    now = standing(run, half[0].spec, {})
    assert now.state == state
    assert (now.failure and now.failure.reason) == ("no such scan" if state == "failed" else None)


def test_a_failed_run_comes_with_its_reason_and_its_log(made, half, tmp_path, capsys):
    (tmp_path / "logs/train").mkdir(parents=True)
    run = folder_of(half[0], tmp_path / "runs")
    leave_history(run, 10, 12)
    with pytest.raises(InputError), noted(tmp_path, "train", run.id, 1):
        raise InputError("no such scan")
    show(made, ["quick/table3"], None, tmp_path / "runs", {})
    said = capsys.readouterr().out
    assert re.search(rf"^{run.id} +failed 2/500 ", said, re.MULTILINE)
    log = tmp_path / f"logs/train/{run.id}.log"
    assert said.endswith(f"\nfailed:\n  train {run.id}\n    no such scan\n    {log}\n")


def test_an_artefact_says_what_its_runs_are_and_how_long_they_take(made, half, tmp_path, capsys):
    """One is done, one runs (992 s left), one is missing at a known 4 s per step (2000 s), two were never measured."""
    leave_scores(folder_of(half[0], tmp_path), half[0].spec.testing)
    run = folder_of(half[1], tmp_path)
    leave_history(run, 10, 12, 14, 16)
    beat(run)
    named = {run.id: row.label for row in made.artefacts["quick/table3"].rows for run in [made.runs[row.runs[0]]]}
    show(made, ["quick/table3"], None, tmp_path, {cost.key(half[2].spec): {"cpu": 4.0}})
    lines = capsys.readouterr().out.splitlines()
    by_run = {line.split()[0]: line.split()[1:] for line in lines[:5]}
    assert by_run[half[0].id] == ["evaluated", named[half[0].id]]
    assert by_run[half[1].id] == ["running", "4/500", "0:16:32", named[half[1].id]]
    assert by_run[half[2].id] == ["missing", "0:33:20", named[half[2].id]]
    assert by_run[half[3].id] == ["missing", "?", named[half[3].id]]
    assert lines[5] == (
        "5 runs: 1 evaluated, 1 running, 3 missing; about 0:49:52 of training left, one after another; "
        "no step time measured for 2"
    )
    assert max(map(len, lines[:5])) <= 80


def test_without_an_artefact_every_run_says_who_wants_it(made, half, tmp_path, capsys):
    show(made, ["method=cps"], "quick", tmp_path, {})
    (line, total) = capsys.readouterr().out.splitlines()
    assert line.split()[1:] == ["missing", "?", "CPS", "quick/table3,", "quick/fig2,", "quick/entropy"]
    assert total == "1 runs: 1 missing; no step time measured for 1"


def test_run_folders_that_no_artefact_wants_are_named(made, half, tmp_path, capsys):
    for name in (half[0].id, "la-8-dmd-00000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").touch()
    assert find_orphans(made, tmp_path) == ["la-8-dmd-00000000"]
    show(made, ["quick/table3"], None, tmp_path, {})
    assert capsys.readouterr().out.startswith(f"in {tmp_path} but in no plan: la-8-dmd-00000000\n")


def test_json_has_the_keys_that_the_help_explains(half, tmp_path, capsys):
    show_json(half[:1], tmp_path, {})
    (run,) = json.loads(capsys.readouterr().out)
    assert list(run) == [line.split()[0] for line in KEYS.splitlines()[1:] if line[2] != " "]
    assert (run["state"], run["step"], run["iterations"], run["seconds_left"]) == ("missing", 0, 500, None)


def test_a_duration_has_hours_minutes_and_seconds():
    assert [clock(seconds) for seconds in (0, 59.6, 3723, 90000)] == ["0:00:00", "0:01:00", "1:02:03", "25:00:00"]
