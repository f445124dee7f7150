"""bf16 where a processor has no instructions for it: what is rounded, how often, and where."""

import pytest
import torch
from conftest import tiny_training
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from dmd.devices import has_bf16
from dmd.networks.kernels import Kernels
from dmd.networks.rounding import RoundedAutocast
from dmd.training.loop import train

CPU = torch.device("cpu")
HALF_A_STEP = 2**-8  # bf16 keeps 8 digits: the nearest value is at most half a step of 2^-7 away
LAYERS = {
    functional.linear: (6, 4),
    functional.conv2d: (6, 4, 3, 3),
    functional.conv3d: (6, 4, 3, 3, 3),
    functional.conv_transpose2d: (4, 6, 2, 2),
    functional.conv_transpose3d: (4, 6, 2, 2, 2),
}


def rounded(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().double()


@pytest.mark.parametrize("layer", LAYERS, ids=lambda function: function.__name__)
def test_output_and_gradients_are_exact_but_for_one_rounding_of_each(layer):
    random = torch.Generator().manual_seed(0)
    shape = LAYERS[layer]
    sizes = (2, 4, *[8] * (len(shape) - 2)), shape, (6,)
    given = [torch.randn(*size, generator=random, requires_grad=True) for size in sizes]
    exact = [rounded(tensor.detach()).requires_grad_() for tensor in given]
    with RoundedAutocast():
        output = layer(*given)
    expected = layer(*exact)
    slope = torch.randn(output.shape, generator=random).bfloat16()
    output.backward(slope)
    expected.backward(slope.double())
    assert output.dtype == torch.bfloat16
    assert [tensor.grad.dtype for tensor in given] == [torch.float32] * 3  # as of any weights under autocast
    results = (output, *(tensor.grad for tensor in given)), (expected, *(tensor.grad for tensor in exact))
    for found, defined in zip(*results, strict=True):
        assert torch.equal(found.double(), rounded(found))
        # 1e-5: what fp32 adds up where values cancel
        assert torch.all((found - defined).abs() <= HALF_A_STEP * defined.abs() + 1e-5)


def test_everything_else_is_as_under_autocast():
    left, right = torch.randn(3, 5), torch.randn(5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        product, total = left @ right, (left + 1).sum()
    for _ in range(2):  # a context is entered at every step
        with RoundedAutocast():
            assert torch.equal(left @ right, product)
            assert (left + 1).sum() == total
    assert functional.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)).dtype == torch.float32


@pytest.mark.parametrize(("precision", "has_bf16"), [("bf16", False), ("bf16", True), ("fp32", False)])
def test_only_bf16_on_a_processor_without_it_needs_rounding(precision, has_bf16, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    assert isinstance(Kernels(precision).autocast(CPU), RoundedAutocast) == ((precision, has_bf16) == ("bf16", False))


def test_a_gpu_computes_bf16_itself():
    assert has_bf16(torch.device("cuda"))


class Convolutions(TorchDispatchMode):
    """Keeps the types of all that convolutions and their gradients are computed from, however they are called."""

    def __init__(self) -> None:
        super().__init__()
        self.types = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "convolution" in str(function):
            self.types |= {value.dtype for value in args if isinstance(value, Tensor)}
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("is_old", [True, False])
def test_a_training_on_an_old_processor_computes_no_convolution_in_bf16(
    is_old, dimensions, monkeypatch, tiny_store, tiny_run
):
    """They take tens of times longer there; neither does the check before it or a look at validation patients."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: not is_old)
    settings = {"iterations": 2, "precision": "bf16"}
    run = tiny_run(tiny_training(dimensions, "supervised", {"cross_entropy": 0.5, "dice": 0.5}) | settings)
    with Convolutions() as convolutions:
        train(run, tiny_store[dimensions], "cpu")
    assert convolutions.types == {torch.float32 if is_old else torch.bfloat16}
