"""How many GPUs this machine has for trainings."""

import pytest

from dmd.terminal.machine import gpus

# nvidia-smi --list-gpus, as the manual of multi-instance GPUs has it: NVIDIA's driver 450, two GPUs, one in two parts.
LISTED = """\
GPU 0: A100-SXM4-40GB (UUID: GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0)
  MIG 3g.20gb Device 0: (UUID: MIG-GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0/1/0)
  MIG 3g.20gb Device 1: (UUID: MIG-GPU-e86cb44c-6756-fd30-cd4a-1e6da3caf9b0/2/0)
GPU 1: A100-SXM4-40GB (UUID: GPU-4bf0b7cb-2b4f-8c50-cd8a-0b6b2a9c1c5d)
"""


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_driver_lists_them(commands):
    commands("nvidia-smi", f"[ $1 = --list-gpus ] && echo '{LISTED}'")
    assert gpus() == 2


@pytest.mark.parametrize("script", [None, "echo NVIDIA-SMI has failed; exit 9", "echo No devices were found"])
def test_without_a_driver_there_are_none(commands, script):
    if script:
        commands("nvidia-smi", script)
    assert gpus() == 0


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("1", 1), ("0,GPU-4bf0b7cb", 2)])
def test_those_that_are_hidden_do_not_count(commands, monkeypatch, visible, count):
    commands("nvidia-smi", f"echo '{LISTED}'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == count
