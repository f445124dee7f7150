import os
from dataclasses import asdict

import pytest
import torch

from dmd.errors import InputError
from dmd.runs.state import State, load_state, save_state

CPU = torch.device("cpu")


@pytest.fixture
def state() -> State:
    """Four steps, whose history has 20 bytes."""
    best = {"step": 2, "dice": 0.5, "weights": {"first": torch.zeros(3)}}
    training = {"modules": {"first": torch.arange(6.0)}, "optimisers": [{"lr": 0.01}]}
    return State(
        "la-8-dmd-1",
        step=4,
        history_size=20,
        seconds=2.5,
        peak_memory_mb=9,
        attempts=[{"first_step": 1}],
        training=training,
        best=best,
    )


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"x" * 20)
    return path


@pytest.fixture
def path(tmp_path, state):
    save_state(tmp_path / "state.pt", state)
    return tmp_path / "state.pt"


def test_a_state_comes_back_as_it_was_saved(path, state, history):
    found = load_state(path, state.run, history, CPU)
    assert torch.equal(found.training["modules"].pop("first"), state.training["modules"].pop("first"))
    assert torch.equal(found.best["weights"].pop("first"), state.best["weights"].pop("first"))
    assert asdict(found) == asdict(state)


def test_a_longer_history_is_one_of_steps_that_were_not_saved(path, state, history):
    history.write_bytes(b"x" * 30)
    assert load_state(path, state.run, history, CPU).history_size == 20


def test_nothing_saved_is_nothing_to_go_on_from(tmp_path, history, recwarn):
    assert load_state(tmp_path / "none.pt", "la-8-dmd-1", history, CPU) is None
    assert not recwarn


@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_truncated_state_starts_over_with_a_warning(path, state, history, length):
    os.truncate(path, length % path.stat().st_size)
    with pytest.warns(UserWarning, match="the state is damaged .* starts over from its first step"):
        assert load_state(path, state.run, history, CPU) is None


@pytest.mark.parametrize("kept", [19, None])
def test_a_history_shorter_than_the_state_says_starts_over_with_a_warning(path, state, history, kept):
    history.unlink() if kept is None else os.truncate(history, kept)
    with pytest.warns(UserWarning, match=rf"history\.jsonl holds {kept or 0} bytes where state\.pt expects 20"):
        assert load_state(path, state.run, history, CPU) is None


def test_the_state_of_another_run_is_refused(path, history):
    with pytest.raises(InputError, match="expected the state of run 'la-8-cps-2', found that of 'la-8-dmd-1'"):
        load_state(path, "la-8-cps-2", history, CPU)
