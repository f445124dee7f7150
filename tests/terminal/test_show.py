"""What `dmd show` says of runs whose numbers are worked out by hand."""

import json
import os
import pty
import subprocess
import sys

import pytest
from conftest import tiny_training
from hypothesis import given
from hypothesis import strategies as st

from dmd.runs.folder import RunFolder
from dmd.terminal import cost
from dmd.terminal.show import ASCII, BLOCKS, LINES, chart, columns, show

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
    "attempts": 2,
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


def said(run: RunFolder, capsys, *arguments) -> dict[str, list[str]]:
    """Return the sections of what is printed, without indentation, by their title."""
    show(run, *arguments)
    sections = capsys.readouterr().out.rstrip("\n").split("\n\n")
    return {section.splitlines()[0]: [line[2:] for line in section.splitlines()[1:]] for section in sections}


def test_a_run_that_has_not_begun_has_settings_only(run, capsys):
    sections = said(run, capsys, {})
    assert list(sections) == [f"{run.id}  missing", "settings"]
    settings = dict(line.split(maxsplit=1) for line in sections["settings"])
    assert settings["method"] == "implementation dmd, revision 1, params (temperature 2, weight 4, divergence dice)"
    assert settings["patch"] == "16x16"
    assert settings["batch"] == "size 4, labelled 2"


def test_a_run_that_was_interrupted_shows_its_loss_and_what_is_left(run, capsys):
    write_history(run, [4.0, 2.0], supervised=1.0)
    sections = said(run, capsys, {cost.key(run.read_spec()): {"cpu": 60.0}})
    assert next(iter(sections)) == f"{run.id}  started, 2 of 10 steps, time left: about 0:08:00"
    assert [line.split()[0] for line in (sections["loss"][0], sections["loss"][LINES - 1])] == ["4", "2"]
    assert sections["loss"][-2].split() == ["step", "1", "2"]
    assert sections["loss"][-1] == "last 1 steps: loss 2, supervised 1"
    assert "test" not in sections


def test_scores_are_means_over_cases_with_the_spread_and_empty_predictions_counted(run, capsys):
    """Dice of class 1: 50, 0, 100 %: mean 50, sd 50. Distances of the two that have one: 4 and 0."""
    run.cases.write_text(CASES)
    header, first, second = (line.split("  ") for line in said(run, capsys, {}, ["background", "wall", "ring"])["test"])
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
        "empty": "1",
    }
    assert dict(zip(names, other, strict=True))["dice"] == "25.00"
    assert "1      none" in "\n".join(said(run, capsys, {})["test"])


def test_a_finished_run_shows_its_table_validations_and_cost(run, capsys):
    run.history_table.write_text("step,loss,learning_rate,validation_dice\n1,1.5,0.01,\n2,0.5,0.01,0.25\n")
    run.facts.write_text(json.dumps(FACTS))
    run.weights.touch()
    sections = said(run, capsys, {})
    assert list(sections) == [f"{run.id}  trained", "settings", "loss", "validation_dice", "cost"]
    assert sections["validation_dice"][-1].split() == ["step", "2"]
    assert sections["cost"] == [
        "training  1:02:03, 2.5 s per step, in 2 attempt(s)",
        "device    cpu of vm, 1 thread(s), at most 1383 MB",
        "weights   of step 8",
        "commit    be6897b9bff8",
    ]


def test_charts_are_ascii_in_a_file_and_blocks_on_a_terminal(run, root):
    write_history(run, [3.0, 2.0, 1.0])
    code = f"import sys; from dmd.cli import main; main(['show', {str(run.path)!r}]); sys.exit('numpy' in sys.modules)"
    options = {"cwd": root, "env": os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}, "check": True}
    plain = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, **options).stdout
    assert plain.isascii()
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stdout=theirs, **options)
    os.close(theirs)
    drawn = os.read(ours, 100000).decode()
    os.close(ours)
    assert "█" in drawn


def test_charts_worked_out_by_hand():
    assert chart([0, 1, 2, 3], " #", lines=2) == ["  ##", "####"]
    assert chart([5, 5], BLOCKS, lines=1) == ["▁▁"]
    assert chart([0, 8], BLOCKS, lines=2) == [" █", "▁█"]
    assert columns([1, 2, 3, 4, 6], most=2) == [1.5, 13 / 3]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 80), st.sampled_from([ASCII, BLOCKS]))
def test_a_chart_has_a_column_per_part_none_empty_and_the_highest_full(values, most, ramp):
    means = columns(values, most)
    assert len(means) == min(most, len(values))
    lines = chart(means, ramp)
    assert {len(line) for line in lines} == {len(means)}
    assert " " not in lines[-1]
    if max(means) > min(means):
        assert lines[0][means.index(max(means))] == ramp[-1]
