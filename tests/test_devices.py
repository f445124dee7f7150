"""Which device works, and which precision it is slow in."""

import ctypes
import tempfile
from types import SimpleNamespace

import psutil
import pytest
import torch

from dmd import devices
from dmd.devices import choose_device, memory_lacks_are_told
from dmd.errors import InputError, PassingError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """So many GPUs as torch sees them, none chosen by anybody."""

    def put(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"GPU-{index}"))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield put
    devices._free_gpu.cache_clear()


@pytest.mark.parametrize("held", ["0", "0,1", "GPU-5f3c", "MIG-7"])
def test_a_job_that_holds_a_gpu_and_sees_none_stops_instead_of_training_on_the_cpu(gpus, monkeypatch, held):
    gpus(0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", held)
    with pytest.raises(PassingError, match=rf"CUDA_VISIBLE_DEVICES={held}\).* sees none .*To work on the CPU, empty"):
        choose_device("auto")
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize("held", [None, "", "-1", "NoDevFiles"])
def test_without_a_gpu_held_the_cpu_works(gpus, monkeypatch, held):
    gpus(0)
    if held is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", held)
    assert choose_device("auto") == CPU


def test_trainings_side_by_side_choose_a_gpu_each_and_keep_it(gpus):
    gpus(2)
    chosen = choose_device("auto")
    assert choose_device("auto") == chosen == torch.device("cuda:0")
    kept = devices._free_gpu()  # of the first process; what follows is what others would do
    devices._free_gpu.cache_clear()
    assert choose_device("auto") == torch.device("cuda:1")
    second = devices._free_gpu()
    devices._free_gpu.cache_clear()
    kept[1].release()  # as the end of a process does
    assert choose_device("auto") == torch.device("cuda:0")
    devices._free_gpu()[1].release()
    second[1].release()


def test_more_trainings_than_gpus_share_them_evenly(gpus, monkeypatch):
    monkeypatch.setattr(devices, "MOST_SHARING", 2)
    gpus(2)
    held = []
    for expected in ("cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda"):
        assert choose_device("auto") == torch.device(expected)
        held.append(devices._free_gpu())
        devices._free_gpu.cache_clear()
    for _, lock in held[:-1]:
        lock.release()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not GNU's")
def test_freed_memory_is_returned_though_something_lies_behind_it():
    """Blocks that are small enough for the heap, of which every thousandth stays."""
    blocks = [b"x" * size for size in [100_000] * 2000]
    kept = blocks[::1000], blocks[-1]
    del blocks
    before = psutil.Process().memory_info().rss
    devices.return_freed_memory()
    assert psutil.Process().memory_info().rss < before - 150e6
    del kept


@pytest.mark.parametrize(
    ("count", "name", "is_there"), [(2, "cuda:1", True), (2, "cuda:2", False), (1, "cuda:7", False)]
)
def test_a_gpu_that_is_not_there_is_refused(gpus, count, name, is_there):
    gpus(count)
    if is_there:
        assert choose_device(name) == torch.device(name)
    else:
        with pytest.raises(InputError, match=rf"expected one of the {count} CUDA device\(s\) .*, found '{name}'"):
            choose_device(name)


def test_a_lack_of_memory_without_a_word_is_told():
    with pytest.raises(InputError, match=r"a scan: too little memory \(MemoryError\)"), memory_lacks_are_told("a scan"):
        raise MemoryError


def test_the_only_gpu_needs_no_choice(gpus, tmp_path):
    gpus(1)
    assert choose_device("auto") == torch.device("cuda")
    assert not list(tmp_path.iterdir())


def test_a_device_is_said_as_people_know_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    assert devices.say_device(torch.device("cuda:1")) == "cuda:1 (NVIDIA H100)"
    assert devices.say_device(CPU) == f"cpu ({devices.describe_processor()})"
