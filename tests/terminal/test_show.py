"""What `dmd show` says of runs whose numbers are worked out by hand."""

import json
import os
import subprocess
import sys

import pytest
from conftest import tiny_training
from hypothesis import given
from hypothesis import strategies as st
from records import vouch_for

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.terminal import cost
from dmd.terminal.show import LINES, class_names, means, show

CASES = """\
case,patient,class,post_processing,dice,jaccard,hd95_voxel,asd_voxel,hd95_mm,asd_mm,predicted_voxels,reference_voxels,empty_prediction
a,a,1,none,0.5,0.3,4.0,2.0,,,5,7,0
b,b,1,none,0.0,0.0,,,,,0,7,1
c,c,1,none,1.0,0.9,0.0,1.0,,,7,7,0
a,a,2,none,0.25,0.2,4.0,2.0,,,5,7,0
"""
FACTS = {
    "steps": 10,
    "selected_step": 8,
    "attempts": [{"first_step": 1}, {"first_step": 5}],
    "wall_seconds": 3723.4,
    "seconds_per_step": 2.5,
    "peak_memory_mb": 1383,
    "commit": "be6897b9bff8",
    "device": "cpu",
    "threads": 1,
    "host": "vm",
}


@pytest.fixture
def run(tiny_run) -> RunFolder:
    return tiny_run(tiny_training(2, "dmd", {"temperature": 2.0, "weight": 4, "divergence": "dice"}))


def write_history(run: RunFolder, losses: list[float], **others: float) -> None:
    lines = [
        {"step": step, "time": 1000 * step, "values": {"loss": loss, "learning_rate": 0.01, **others}}
        for step, loss in enumerate(losses, 1)
    ]
    run.history.write_text("".join(json.dumps(line) + "\n" for line in lines))


def said(
    run: RunFolder, capsys, times: cost.StepTimes | None = None, classes: list[str] | None = None
) -> dict[str, list[str]]:
    """Return the sections of what is printed, without indentation, by their title."""
    show(run, times or {}, classes)
    sections = capsys.readouterr().out.rstrip("\n").split("\n\n")
    return {section.splitlines()[0]: [line[2:] for line in section.splitlines()[1:]] for section in sections}


def test_a_run_that_has_not_begun_has_settings_only(run, capsys):
    sections = said(run, capsys)
    assert list(sections) == [f"{run.id}  missing", "settings"]
    settings = dict(line.split(maxsplit=1) for line in sections["settings"])
    assert settings["method"] == "implementation dmd, revision 1, params (temperature 2, weight 4, divergence dice)"
    assert settings["patch"] == "16x16"
    assert settings["batch"] == "size 4, labelled 2"


def test_a_run_that_was_interrupted_shows_its_loss_and_what_is_left(run, capsys):
    write_history(run, [4.0, 2.0], supervised=1.0)
    sections = said(run, capsys, {cost.key(run.read_spec()): {"cpu": 60.0}})
    assert next(iter(sections)) == f"{run.id}  started, 2 of 10 steps, time left: about 0:08:00"
    drawn = sections["loss"]
    assert (drawn[0].split()[0], drawn[-3].split()[-1]) == ("(loss)", "(step)")
    numbers = [float(line.split()[0]) for line in drawn[1:-3]]
    assert len(numbers) == LINES + 1
    assert numbers[-1] - 0.3 < 2 < 4 < numbers[0] + 0.3
    assert sections["loss"][-1] == "last 1 steps: loss 2, supervised 1"
    assert "test" not in sections


def test_scores_are_means_over_cases_with_the_spread_and_empty_predictions_counted(run, capsys):
    """Dice of class 1: 50, 0, 100 %: mean 50, sd 50. Distances of the two that have one: 4 and 0."""
    run.cases.write_text(CASES)
    vouch_for(run)
    header, first, second = (
        line.split("  ") for line in said(run, capsys, classes=["background", "wall", "ring"])["test"]
    )
    names = [name.strip() for name in header if name]
    one, other = ([entry.strip() for entry in line if entry.strip()] for line in (first, second))
    assert dict(zip(names, one, strict=True)) == {
        "class": "wall",
        "post-processing": "none",
        "dice": "50.00 (50.00)",
        "jaccard": "40.00 (45.83)",
        "hd95_voxel": "2.00 (2.83)",
        "asd_voxel": "1.50 (0.71)",
        "hd95_mm": "-",
        "asd_mm": "-",
        "cases": "3",
        "missed": "1",
    }
    assert dict(zip(names, other, strict=True))["dice"] == "25.00"
    assert "1      none" in "\n".join(said(run, capsys)["test"])


@pytest.mark.parametrize("text", ["", CASES.partition("\n")[0], "no scores, but text\nof two lines", CASES + "\xe9"])
def test_test_scores_that_are_none_are_refused(run, text):
    run.cases.write_text(text, encoding="latin-1")
    vouch_for(run)
    with pytest.raises(InputError, match=f"expected the test scores of a run at {run.cases}, found none"):
        show(run, {}, None)


def test_a_finished_run_shows_its_table_validations_and_cost(run, capsys):
    run.history_table.write_text("step,loss,learning_rate,validation_dice\n1,1.5,0.01,\n2,0.5,0.01,0.25\n")
    run.weights.touch()
    vouch_for(run, **FACTS)
    sections = said(run, capsys)
    assert list(sections) == [f"{run.id}  trained", "settings", "loss", "validation_dice", "cost"]
    assert sections["validation_dice"][0].split()[0] == "(validation_dice)"
    assert sections["cost"] == [
        "training  1:02:03, 2.5 s per step, in 2 attempt(s)",
        "device    cpu of vm, 1 thread(s), at most 1383 MB",
        "weights   of step 8",
        "commit    be6897b9bff8",
    ]


def test_it_starts_without_slow_libraries_and_fits_a_narrow_terminal(run, root):
    write_history(run, [3.0, 2.0, 1.0])
    slow = "{'torch', 'pandas', 'mlflow', 'h5py'}"
    code = (
        f"import sys; from dmd.cli import main; main(['show', {str(run.path)!r}]); "
        f"sys.exit(bool({slow} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", "COLUMNS": "50"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode().split("\nloss\n")[1].splitlines()[:-1]
    assert max(map(len, lines)) <= 50


@pytest.mark.parametrize("losses", [[0.5], [1.0, 1.0], [float("nan"), 2.0], [1e-9, 1e9]])
def test_any_history_can_be_drawn(run, capsys, losses):
    write_history(run, losses)
    assert "(loss)" in said(run, capsys)["loss"][0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 80))
def test_means_are_as_many_as_fit_and_within_the_values(values, most):
    found = means(values, most)
    assert len(found) == min(most, len(values))
    assert min(values) - 1e-6 <= min(found)
    assert max(found) <= max(values) + 1e-6


TORN = [b"", b"[]", b"{}", b"\0" * 20, b"\xff"]


@pytest.mark.parametrize(
    ("name", "content"),
    [*(("run.json", torn) for torn in TORN), *(("history.csv", torn) for torn in (b"\xff", b"step,loss\n1,high\n"))],
)
def test_a_torn_file_is_named(run, name, content):
    (run.path / name).write_bytes(content)
    if name == "history.csv":
        vouch_for(run)
    with pytest.raises(InputError, match=name):
        show(run, {}, None)


def test_an_owner_and_a_history_that_are_torn_say_nothing(run, capsys):
    run.owner.write_text("[]")
    run.history.write_bytes(b"\0\n")
    assert f"{run.id}  running" in "".join(said(run, capsys))


def test_scores_of_another_run_are_not_shown(run, capsys):
    run.cases.write_text(CASES)
    vouch_for(run)
    run.test.write_text(json.dumps({"run": "la-8-cps-2"}))
    with pytest.raises(InputError, match="found that of 'la-8-cps-2'"):
        show(run, {}, None)


def acdc_run(content, root) -> Spec:
    made = plan.make(config.check(content), root)
    return made.runs[made.artefacts["half/table2"].runs[0]].spec


def test_classes_are_called_as_the_configuration_calls_those_of_the_runs_own_data(content, root, monkeypatch):
    monkeypatch.chdir(root)
    names = content["datasets"]["acdc"]["classes"]
    assert class_names(acdc_run(content, root), config.check(content).datasets) == names


@pytest.mark.parametrize(
    "changes", [{"classes": ["background", "heart"]}, {"revision": 7}, {"split": "config/splits/la.json"}, None]
)
def test_classes_of_another_data_set_of_that_name_have_numbers(content, root, changes, monkeypatch):
    """With fewer names the scores were called damaged, with as many they had wrong names."""
    monkeypatch.chdir(root)
    spec, known = acdc_run(content, root), config.check(content).datasets
    other = known | {"acdc": known["acdc"].model_copy(update=changes)} if changes else {}
    assert class_names(spec, other) is None
