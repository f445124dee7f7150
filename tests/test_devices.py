"""Which device works, and which precision it can do."""

import tempfile
from types import SimpleNamespace

import pytest
import torch

from dmd import devices
from dmd.devices import check_precision, choose_device
from dmd.errors import InputError, PassingError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def has_bf16(monkeypatch):
    def answer(value: bool) -> None:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: value)

    return answer


@pytest.mark.parametrize("patch", [[32, 48, 48], [16, 16, 16]])
def test_bf16_is_refused_where_a_feature_is_two_voxels_long(patch):
    with pytest.raises(InputError, match="not halved to 2 voxels"):
        check_precision(CPU, "bf16", patch)


@pytest.mark.parametrize(
    ("device", "precision", "patch"),
    [(CPU, "bf16", [64, 64, 32]), (CPU, "bf16", [32, 32]), (CPU, "fp32", [32, 32, 16]), (CUDA, "bf16", [32, 32, 16])],
)
def test_everything_else_is_allowed_in_silence(device, precision, patch, has_bf16, capsys):
    has_bf16(True)
    check_precision(device, precision, patch)
    assert capsys.readouterr().err == ""


def test_a_processor_without_bf16_instructions_is_warned_of(has_bf16, capsys):
    has_bf16(False)
    check_precision(CPU, "bf16", [64, 64, 32])
    assert "no bf16 instructions" in capsys.readouterr().err


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
    assert choose_device("auto") == torch.device("cuda"), "more trainings than GPUs share one"
    devices._free_gpu.cache_clear()
    kept[1].close()  # as the end of a process does
    assert choose_device("auto") == torch.device("cuda:0")
    second[1].close()


def test_the_only_gpu_needs_no_choice(gpus, tmp_path):
    gpus(1)
    assert choose_device("auto") == torch.device("cuda")
    assert not list(tmp_path.iterdir())


def test_a_device_is_said_as_people_know_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    assert devices.say_device(torch.device("cuda:1")) == "cuda:1 (NVIDIA H100)"
    assert devices.say_device(CPU) == f"cpu ({devices.describe_processor()})"
