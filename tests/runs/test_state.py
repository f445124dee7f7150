import os
from dataclasses import asdict

import pytest
import torch

from dmd.errors import InputError
from dmd.runs.state import State, load_state, save_state
from dmd.runs.tensors import save_tensors

CPU = torch.device("cpu")


@pytest.fixture
def state() -> State:
    best = {"step": 2, "dice": 0.5, "weights": {"first": torch.zeros(3)}}
    training = {"modules": {"first": torch.arange(6.0)}, "optimisers": [{"lr": 0.01}]}
    return State(
        "la-8-dmd-1",
        step=4,
        history="a step\n" * 4,
        seconds=2.5,
        processor_seconds=2.0,
        peak_memory_mb=9,
        attempts=[{"first_step": 1}],
        training=training,
        best=best,
    )


@pytest.fixture
def path(tmp_path, state):
    save_state(tmp_path / "state.pt", state)
    return tmp_path / "state.pt"


def test_a_state_comes_back_as_it_was_saved(path, state):
    found = load_state(path, state.run, CPU)
    assert torch.equal(found.training["modules"].pop("first"), state.training["modules"].pop("first"))
    assert torch.equal(found.best["weights"].pop("first"), state.best["weights"].pop("first"))
    assert asdict(found) == asdict(state)


def test_nothing_saved_is_nothing_to_go_on_from(tmp_path, recwarn):
    assert load_state(tmp_path / "none.pt", "la-8-dmd-1", CPU) is None
    assert not recwarn


@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_truncated_state_starts_over_with_a_warning(path, state, length):
    os.truncate(path, length % path.stat().st_size)
    with pytest.warns(UserWarning, match="the state is damaged .* starts over from its first step"):
        assert load_state(path, state.run, CPU) is None


def test_the_state_of_another_version_is_refused_and_stays(path):
    save_tensors(path, {"run": "la-8-dmd-1", "step": 4, "history_size": 20})
    with pytest.raises(InputError, match=r"expected a state that this version of dmd saved.*dmd retrain"):
        load_state(path, "la-8-dmd-1", CPU)
    assert path.exists()


def test_the_state_of_another_run_is_refused(path):
    with pytest.raises(InputError, match="expected the state of run 'la-8-cps-2', found that of 'la-8-dmd-1'"):
        load_state(path, "la-8-cps-2", CPU)
