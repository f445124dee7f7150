"""Load and memory of GPUs, as a script says them in the place of nvidia-smi."""

import json
import os
from pathlib import Path

import pytest

from dmd.tracking.usage import Usage


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Return a function that puts an `nvidia-smi` with some shell code on the path and looks."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def look(fresh, code: str) -> dict[str, float]:
        script = tmp_path / "nvidia-smi"
        script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{code}\n')
        script.chmod(0o755)
        Usage(fresh, os.getpid()).look()
        [line] = fresh.usage.read_text().splitlines()
        return {name: value for name, value in json.loads(line)["values"].items() if name.startswith("gpu")}

    return look


def test_every_gpu_has_a_load_and_a_memory(gpus, fresh, tmp_path):
    assert gpus(fresh, "echo '35, 1024'; echo '0, 3'") == {
        "gpu0_percent": 35,
        "gpu0_memory_mb": 1024,
        "gpu1_percent": 0,
        "gpu1_memory_mb": 3,
    }
    asked = Path(tmp_path / "asked").read_text()
    assert "--query-gpu=utilization.gpu,memory.used" in asked
    assert "--id" not in asked


def test_only_gpus_that_the_training_may_see_are_asked_for_and_counted_from_0(gpus, fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert gpus(fresh, "echo '35, 1024'") == {"gpu0_percent": 35, "gpu0_memory_mb": 1024}
    assert "--id=3" in Path(tmp_path / "asked").read_text()


def test_a_slice_of_a_gpu_has_no_load_and_is_left_out(gpus, fresh):
    assert gpus(fresh, "echo '[N/A], 1024'; echo '7, 3'") == {"gpu1_percent": 7, "gpu1_memory_mb": 3}


@pytest.mark.parametrize("code", ["echo 'No devices were found'; exit 6", "echo 'No devices were found'", "true"])
def test_without_a_gpu_the_rest_is_noted(gpus, fresh, code):
    assert gpus(fresh, code) == {}
