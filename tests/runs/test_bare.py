"""A run that came without its weights is whole for who reads scores, and never trained or used as if it had them."""

import pytest
import torch
from conftest import tiny_training
from runs.bundled import make_whole

from dmd.errors import InputError
from dmd.runs.bare import is_bare, needs_training
from dmd.runs.folder import RunFolder
from dmd.testing.prediction import load_predictor
from dmd.training.loop import train


@pytest.fixture
def run(tiny_run) -> RunFolder:
    made = make_whole(tiny_run(tiny_training(3, "supervised", {}) | {"iterations": 5}))
    made.weights.unlink()
    return made


def test_it_is_trained_neither_by_the_workflow_nor_by_the_step(run, tiny_store):
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    assert is_bare(run)
    assert not needs_training(run)
    with pytest.raises(InputError, match=rf"found a run that is here without them: .* `dmd retrain {run.id}`"):
        train(run, tiny_store[3], "cpu")
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before


def test_who_needs_its_weights_is_told_where_they_come_from(run):
    with pytest.raises(InputError, match="`dmd merge` a bundle of it with weights"):
        load_predictor(run, run.read_spec().training, torch.device("cpu"))


@pytest.mark.parametrize("name", ["run.json", "test.json", "cases.csv", "history.csv"])
def test_a_run_that_lacks_more_than_its_weights_is_trained(run, name):
    (run.path / name).unlink()
    assert not is_bare(run)
    assert needs_training(run)


def test_a_run_with_a_state_has_its_weights_made_again(run):
    run.state.touch()
    assert not is_bare(run)
    assert needs_training(run)
