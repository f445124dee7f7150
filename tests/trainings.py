"""Trainings in a process of their own, and trainings that stop on the way."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dmd.runs.folder import RunFolder
from dmd.training import attempt
from dmd.training.loop import train


def command(run: RunFolder, store: Path, *options: str, save_every: int = 1) -> list[str]:
    """Return the command that trains a run."""
    given = ["--store", str(store), "--save-every", str(save_every), *options]
    return [sys.executable, "-m", "dmd", "step", "train", str(run.path), *given]


def await_steps(process: subprocess.Popen, run: RunFolder, steps: int) -> None:
    """Return once so many steps are written, or the process has ended."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if run.history.exists() and run.history.read_bytes().count(b"\n") >= steps:
            return
        time.sleep(0.005)


def stop_after(run: RunFolder, store: Path, step: int, monkeypatch: pytest.MonkeyPatch, save_every: int = 1) -> None:
    """Train until the given step was saved, then die as an exception would."""
    save = attempt.save_state

    def save_and_stop(path, state):
        save(path, state)
        if state.step == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "save_state", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(run, store, "cpu", save_every=save_every)
