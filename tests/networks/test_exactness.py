"""Convolutions that are wrong are found before anything is trained with them, whichever device computes them."""

import pytest
import torch
from conftest import tiny_training
from torch.nn import functional

from dmd.errors import InputError
from dmd.networks import exactness
from dmd.networks.exactness import LIMITS, RESULTS, require_exact
from dmd.networks.kernels import Kernels
from dmd.training.loop import train

CPU = torch.device("cpu")
SHAPES = {2: {"patch": [32, 48], "batch": {"size": 3}}, 3: {"patch": [32, 16, 48], "batch": {"size": 2}}}


def settings(dimensions: int) -> dict:
    return SHAPES[dimensions] | {"network": {"width": 2}}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("last", [True, False])
def test_what_torch_computes_in_fp32_is_the_definition(dimensions, last):
    kernels = Kernels("fp32", channels_last=last)
    require_exact(settings(dimensions), kernels, CPU)
    assert max(exactness._errors(SHAPES[dimensions]["patch"], 2, 2, kernels, CPU)) < 1e-5


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("fault", [lambda right: right * 1.001, lambda right: right + float("nan"), torch.zeros_like])
def test_a_result_that_is_off_is_refused_with_its_place(which, fault, monkeypatch):
    """A thousandth is more than fp32 rounds away, and what TF32 does where fp32 was asked for is a third of it."""
    right = exactness._computed

    def wrong(values, *others):
        found = list(right(values, *others))
        if values.shape[2:] == (4, 2, 6):
            found[which] = fault(found[which])
        return tuple(found)

    monkeypatch.setattr(exactness, "_computed", wrong)
    with pytest.raises(InputError) as caught:
        require_exact(settings(3), Kernels("fp32"), CPU)
    assert "of 16 channels on features of 4x2x6 voxels wrongly (the patch halved 3 times)" in str(caught.value)
    assert f"the {RESULTS[which]} is off by" in str(caught.value)


def test_rounding_to_ten_bits_is_no_fp32():
    """TF32 rounds what is multiplied to ten bits; a run that says fp32 and gets it must not begin."""

    def rounded(tensor):
        return (tensor.view(torch.int32) + 0x1000 & ~0x1FFF).view(torch.float32)

    draw = torch.Generator().manual_seed(1)
    values, weights = torch.randn(2, 8, 8, 8, 8, generator=draw), torch.randn(8, 8, 3, 3, 3, generator=draw)
    exact = functional.conv3d(values, weights, padding=1)
    error = (functional.conv3d(rounded(values), rounded(weights), padding=1) - exact).norm() / exact.norm()
    assert LIMITS["fp32"] < error < LIMITS["tf32"]


def test_bf16_is_refused_exactly_where_this_processor_computes_it_wrongly():
    """On processors with bf16 instructions torch 2.13 leaves a gradient undefined where the first axis is 2 long."""
    verdicts = {}
    for patch in ([32, 32, 16], [48, 32, 16]):
        try:
            require_exact({"patch": patch, "batch": {"size": 2}, "network": {"width": 4}}, Kernels("bf16"), CPU)
            verdicts[patch[0]] = True
        except InputError as error:
            verdicts[patch[0]] = "on features of 2x2x1 voxels" not in str(error)
    torch.manual_seed(0)
    values, weights = torch.randn(2, 64, 2, 2, 1), torch.randn(64, 64, 3, 3, 3)
    gradients = []
    for lowered in (True, False):
        asked = weights.clone(memory_format=torch.channels_last_3d).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
            output = functional.conv3d(values.contiguous(memory_format=torch.channels_last_3d), asked, padding=1)
        output.float().square().sum().backward()
        gradients.append(asked.grad)
    is_right = bool((gradients[0] - gradients[1]).norm() < 0.02 * gradients[1].norm())
    assert verdicts == {32: is_right, 48: True}


def test_a_training_says_so_before_its_first_step(tiny_store, tiny_run, monkeypatch, capsys):
    monkeypatch.setattr(exactness, "LIMITS", dict.fromkeys(LIMITS, 0.0))
    run = tiny_run(tiny_training(2, "supervised", {"cross_entropy": 0.5, "dice": 0.5}))
    with pytest.raises(InputError, match="in fp32 this device computes convolutions of 4 channels"):
        train(run, tiny_store[2], "cpu")
    assert not run.history.exists()
    assert not run.owner.exists()
