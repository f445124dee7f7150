"""How convolutions are computed: in which precision, order of axes and algorithms, compiled or not."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import nn

from dmd.devices import compute, has_bf16, placed
from dmd.errors import InputError
from dmd.networks.passes import HALVES
from dmd.networks.rounding import RoundedAutocast

TF32_SINCE = (8, 0)  # compute capability

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Kernels:
    """The settings of a run that decide how its networks are computed; all of them decide bits.

    Attributes
    ----------
    precision : str
        ``fp32``; ``tf32``, in which a GPU's convolutions round what they multiply to ten bits; ``bf16``, autocast.
    channels_last : bool
        Weights lie with the channels innermost, and features follow them.
    deterministic : bool
        cuDNN takes algorithms that repeat; else the fastest of those that it tries. A CPU's always repeat.
    compile : bool
        Encoders and decoders go through `torch.compile`.
    """

    precision: str
    channels_last: bool = True
    deterministic: bool = True
    compile: bool = False

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Kernels":
        """Read the settings of a run, of which those that are not there have their default."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})

    def use(self, device: torch.device) -> None:
        """Have this process compute so from now on.

        Raises
        ------
        InputError
            The device cannot, so that a run would not be what it says.
        """
        has_tf32 = device.type == "cuda" and torch.cuda.get_device_capability(device) >= TF32_SINCE
        if self.precision == "tf32" and not has_tf32:
            raise InputError(
                f"expected an NVIDIA GPU of the Ampere generation or later for `precision: tf32`, found {device}; set "
                "`precision: fp32` for the scale (another precision makes runs of their own)"
            )
        if self.compile:
            _require_compiler(device)
        compute(tf32=self.precision == "tf32", deterministic=self.deterministic)

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context of a forward pass."""
        if self.precision == "bf16" and not has_bf16(device):
            return RoundedAutocast()
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def placed(self, module: Module, device: torch.device, dimensions: int) -> Module:
        """Return a module on a device, its weights in the order of axes that was asked for."""
        return placed(module, device, dimensions) if self.channels_last else module.to(device)

    def compiled(self, module: Module) -> Module:
        """Return a module, its encoders and decoders compiled if that was asked for; names of weights stay as they are.

        Dropout draws what it draws without: compiled and not, a run sees the same noise.
        """
        for part in module.modules() if self.compile else ():
            if isinstance(part, HALVES):
                part.compile(dynamic=False, options={"fallback_random": True})
        return module


def _require_compiler(device: torch.device) -> None:
    """Raise an `InputError` with the compiler's own reason unless something small compiles and runs."""
    try:
        torch.compile(lambda values: values.sin() + 1)(torch.ones(4, device=device))
    except Exception as error:  # torch, Triton and the C++ compiler have a class each
        raise InputError(
            f"`compile: true` needs a compiler that works (on a CPU one for C++, on a GPU Triton); here "
            f"{str(error).strip().splitlines()[0]}. Install it, or set `compile: false` for the scale"
        ) from error
