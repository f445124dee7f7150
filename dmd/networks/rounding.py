"""bf16 on a processor without bf16 instructions: layers in fp32, of what bf16 has rounded."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LAYERS = (
    functional.conv2d,
    functional.conv3d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
    functional.linear,
)


class RoundedAutocast(torch.autocast):
    """Autocast to bf16 on a CPU that computes convolutions and linear layers in fp32 between two roundings.

    A bf16 instruction multiplies rounded values, adds in fp32 and rounds the sum, and so does this, forwards and
    backwards: results differ in the order of the additions, as between two processors. What torch has for such
    processors does the same tens of times slower (docs/performance.md).
    """

    def __init__(self) -> None:
        super().__init__("cpu", torch.bfloat16)
        self._layers = _RoundedLayers()

    def __enter__(self) -> "RoundedAutocast":
        super().__enter__()
        self._layers.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._layers.__exit__(*error)
        super().__exit__(*error)


class _RoundedLayers(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function not in LAYERS:
            return function(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            named = {name: _rounded(value) for name, value in kwargs.items()}
            return function(*map(_rounded, args), **named).bfloat16()


def _rounded(value: Any) -> Any:
    """Return a tensor's values as bf16 has them, in fp32, and so its gradient; anything else as it is."""
    return value.bfloat16().float() if isinstance(value, Tensor) else value
