"""How convolutions are computed: what torch is told, what a device must have, and what is compiled."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import tiny_training
from trainings import stop_after

from dmd.devices import choose_device
from dmd.errors import InputError
from dmd.networks import vnet
from dmd.networks.kernels import Kernels
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import load_tensors
from dmd.testing.inference import predict_case
from dmd.training.loop import train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SUPERVISED = {"cross_entropy": 0.5, "dice": 0.5}
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.fixture(autouse=True)
def cudnn():
    """The switches of the process, which are put back."""
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark
    yield cudnn
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = before


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return load_tensors(run.weights, CPU)


def test_fp32_is_fp32_where_torch_would_take_tf32(cudnn):
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = True, False, True
    choose_device("cpu")
    assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == (False, True, False)


def test_a_training_says_what_it_wants_of_the_gpu(cudnn, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    Kernels("tf32", deterministic=False).use(CUDA)
    assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == (True, False, True)
    Kernels("bf16").use(CUDA)
    assert (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark) == (False, True, False)


@pytest.mark.parametrize(("device", "capability"), [(CPU, (9, 0)), (CUDA, (7, 5))])
def test_tf32_is_refused_where_there_is_none(device, capability, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    with pytest.raises(InputError, match=f"Ampere generation or later for `precision: tf32`, found {device.type}"):
        Kernels("tf32").use(device)


def test_without_a_compiler_a_run_that_is_to_be_compiled_is_refused(monkeypatch, tiny_store, tiny_run):
    def fail(function):
        raise RuntimeError("no C++ compiler found\nand a long trace")

    monkeypatch.setattr(torch, "compile", fail)
    run = tiny_run(tiny_training(3, "supervised", SUPERVISED) | {"compile": True})
    with pytest.raises(InputError, match=r"`compile: true` needs .*no C\+\+ compiler found. Install it, or set"):
        train(run, tiny_store[3], "cpu")
    assert not run.state.exists()


@pytest.mark.parametrize("last", [True, False])
def test_the_order_of_axes_is_the_runs(last):
    """Also after a look at the validation patients, whose predictor is a part of what is trained."""
    network, order = torch.nn.Conv3d(4, 2, 3, padding=1), torch.channels_last_3d
    settings = {"dimensions": 3, "patch": [16] * 3, "stride": [16] * 3, "precision": "fp32"}
    training = tiny_training(3, "supervised", SUPERVISED) | ({} if last else {"channels_last": False})
    placed = Kernels.from_settings(training).placed(network, CPU, 3)
    assert placed.weight.is_contiguous(memory_format=order) == last
    seen = Spec(training, {"stride": [16] * 3}).inference
    assert seen == settings | ({} if last else {"channels_last": False})
    predictor = torch.nn.Sequential(torch.nn.Conv3d(1, 4, 1), placed)
    predict_case(predictor, np.zeros((16, 16, 16), np.float32), seen, CPU)
    assert placed.weight.is_contiguous(memory_format=order) == last


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler")
def test_a_compiled_training_learns_the_same_and_resumes(monkeypatch, tiny_store, tiny_run):
    """Of two levels instead of five, which take minutes to compile."""
    monkeypatch.setattr(vnet, "CONVOLUTIONS", (1, 1))
    settings = tiny_training(3, "supervised", SUPERVISED) | {"iterations": 3}
    plain, straight, stopped = tiny_run(settings), *(tiny_run(settings | {"compile": True}, name) for name in "ab")
    parts = []
    monkeypatch.setattr(vnet.VNetDecoder, "compile", lambda part, **how: parts.append(part) or COMPILE(part, **how))
    for run in (plain, straight):
        train(run, tiny_store[3], "cpu")
    assert len(parts) == 1
    stop_after(stopped, tiny_store[3], 2, monkeypatch)
    train(stopped, tiny_store[3], "cpu")
    eager, compiled, resumed = map(weights, (plain, straight, stopped))
    assert eager.keys() == compiled.keys()
    counted = [json.loads(run.facts.read_text())["passes_per_step"] for run in (plain, straight)]
    assert counted[0] == counted[1] > 0
    for name, tensor in eager.items():
        assert torch.allclose(tensor.float(), compiled[name].float(), atol=1e-4), name
        assert torch.equal(compiled[name], resumed[name]), name


COMPILE = torch.nn.Module.compile


@no_gpu
@pytest.mark.parametrize("kernel", [{}, {"precision": "tf32"}, {"precision": "bf16"}, {"deterministic": False}])
def test_a_training_on_a_gpu_ends_near_that_of_the_cpu(kernel, tiny_store, tiny_run):
    settings = tiny_training(3, "supervised", SUPERVISED) | {"iterations": 3}
    here, there = tiny_run(settings, "cpu"), tiny_run(settings | kernel, "cuda")
    train(here, tiny_store[3], "cpu")
    train(there, tiny_store[3], "cuda")
    for name, tensor in weights(here).items():
        assert torch.allclose(tensor.float(), weights(there)[name].float(), atol=0.05), name


def test_compiled_parts_keep_the_names_of_their_weights():
    network = vnet.VNetEncoder(width=2)
    names = [*network.state_dict()]
    assert [*Kernels("fp32", compile=True).compiled(network).state_dict()] == names
    assert network._compiled_call_impl is not None
