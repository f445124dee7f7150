"""A folder of runs made by hand, one fault each."""

import json
import shutil

import pytest
import torch
from conftest import tiny_training

from dmd.errors import InputError, PassingError
from dmd.runs import retraining
from dmd.runs.doctor import GOOD, examine
from dmd.runs.folder import RunFolder
from dmd.runs.ownership import owned
from dmd.runs.retraining import take_back
from dmd.runs.tensors import save_tensors
from dmd.runs.vouching import vouch


def made(run: RunFolder) -> RunFolder:
    for path in (run.weights, run.history_table, run.predictions, run.cases, run.snapshot(5)):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{path.name} of {run.id}")
    save_tensors(run.state, {"run": run.id, "step": 10, "weight": torch.ones(3)})
    vouch(run, run.facts, {"steps": 10}, [run.weights, run.history_table, run.snapshot(5)])
    vouch(run, run.test, {"testing": {}}, [run.weights, run.predictions, run.cases])
    return run


@pytest.fixture
def runs(tiny_run) -> tuple[RunFolder, RunFolder]:
    return tuple(made(tiny_run(tiny_training(3, "dmd", {}) | {"seed": seed})) for seed in (7, 8))


def test_a_sound_folder_is_whole_also_without_what_may_be_deleted_to_save_room(runs):
    for path in (runs[0].predictions, runs[0].state, runs[0].snapshot(5)):
        path.unlink()
    assert [(found.state, found.reasons) for found in examine(runs)] == [("whole", ()), ("whole", ())]


@pytest.mark.parametrize(
    "name",
    ["weights.pt", "history.csv", "cases.csv", "predictions.h5", "state.pt", "run.json", "test.json", "spec.json"],
)
def test_a_file_of_another_run_is_foreign_and_known(runs, name):
    shutil.copy(runs[1].path / name, runs[0].path / name)
    found, other = examine(runs)
    assert found.state == "foreign"
    assert runs[1].id in " ".join(found.reasons)
    assert other.state == "whole"


@pytest.mark.parametrize("content", [b"", b"[]", b"\0\0\0", None])
@pytest.mark.parametrize("name", ["weights.pt", "history.csv", "run.json", "spec.json", "state.pt"])
def test_a_torn_file_is_named(runs, name, content):
    path = runs[0].path / name
    path.unlink() if content is None else path.write_bytes(content)
    found, _ = examine(runs)
    if content is None and name in ("state.pt", "run.json"):  # run.json is made again from the state
        assert found.state in GOOD
    else:
        assert found.state == "torn"
        assert name in " ".join(found.reasons)


def test_scores_without_the_word_of_how_they_were_made_are_torn(runs):
    runs[0].test.unlink()
    assert next(iter(examine(runs))).reasons == ("test.json is away, which vouches for cases.csv",)


def test_a_training_that_is_taken_back_leaves_its_settings(runs):
    run = runs[0]
    for path in (run.changes(1), run.usage, run.history, run.tracked):
        path.write_text("{}")
    take_back(run)
    assert [path.name for path in run.path.iterdir()] == ["spec.json"]
    assert next(iter(examine([run]))).state == "missing"
    assert runs[1].weights.exists()


def test_a_run_that_trains_is_not_taken_back(runs):
    run = runs[0]
    run.owner.write_text(json.dumps({"host": "n7"}))  # beats, as far as its time says
    with pytest.raises(InputError, match="trains now"):
        take_back(run)
    assert run.weights.exists()


def test_a_run_whose_training_begins_meanwhile_is_not_taken_back_when_that_ends(runs, monkeypatch):
    run = runs[0]
    monkeypatch.setattr(retraining, "alive", lambda owner: False)
    with owned(run.owner, run.id, 0.1), pytest.raises(PassingError, match="expected no job that works on this run"):
        take_back(run)
    assert run.weights.exists()
