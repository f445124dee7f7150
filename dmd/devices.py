"""Which device works, what it needed, and what software it ran."""

import ctypes
import functools
import itertools
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import torch
from filelock import FileLock, Timeout
from torch import nn

from dmd.errors import InputError, PassingError

MOST_SHARING = 8  # processes of ours on one GPU that still count each other
# Of CUDA_VISIBLE_DEVICES: no GPU is meant. The last is what SLURM writes for a job that holds none.
HIDDEN = ("", "-1", "NoDevFiles")

Module = TypeVar("Module", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Return the device called ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` is a GPU where there is one: of several one that the fewest other processes of ours have chosen.
    What follows is computed in fp32 and repeats, until somebody says otherwise (`compute`).

    Raises
    ------
    InputError
        The name is unknown, or a GPU is asked for that is not there.
    PassingError
        ``auto`` would be the CPU, but the process holds a GPU (``CUDA_VISIBLE_DEVICES``), which would be wasted.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        _require_what_is_held(available)
        name = _free_gpu()[0] if available else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"unknown device '{name}'; expected auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device '{name}' is not supported; expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and not available:
        raise InputError(
            f"device '{name}' asked for, but torch {torch.__version__} sees no CUDA device; use --device cpu"
        )
    if device.type == "cuda" and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise InputError(f"expected one of the {count} CUDA device(s) that torch sees, from cuda:0 on, found '{name}'")
    compute(tf32=False, deterministic=True)
    return device


def compute(*, tf32: bool, deterministic: bool) -> None:
    """Say how convolutions on a GPU are computed from here on; torch itself takes TF32 where fp32 is asked for.

    Parameters
    ----------
    tf32 : bool
        What they multiply is rounded to ten bits.
    deterministic : bool
        Algorithms repeat; else the fastest of those that are tried for each shape is taken.
    """
    cudnn = torch.backends.cudnn
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = tf32, deterministic, not deterministic


def has_bf16(device: torch.device) -> bool:
    """Return whether convolutions in bf16 are fast there: on a GPU, and on a CPU with AVX512-BF16.

    Of other CPUs those with AVX2 were measured, and are not.
    """
    return device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()


@contextmanager
def memory_lacks_are_told(what: str) -> Iterator[None]:
    """Make a message of a step that has too little memory; ``what`` names the run and what its memory depends on.

    Raises
    ------
    InputError
        The device, or the machine, has not as much memory as was asked for.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # On a CPU torch has no class of its own for it.
        is_lack = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not is_lack:
            raise
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{what}: too little memory ({said}). Lower one of these, or use another device") from error


def channels_last(dimensions: int) -> torch.memory_format:
    """Return the order of axes in which convolutions are fastest on a CPU."""
    return torch.channels_last if dimensions == 2 else torch.channels_last_3d


def placed(module: Module, device: torch.device, dimensions: int) -> Module:
    """Return a network on a device, its weights in the order of axes of `channels_last`."""
    # torch's own types leave the order out of this call.
    return module.to(device, memory_format=channels_last(dimensions))  # type: ignore[call-overload]


def peak_memory_mb(device: torch.device) -> float:
    """Return the most memory held so far in MB: of the GPU, or of the process where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes on macOS, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def return_freed_memory() -> None:
    """Give the operating system what this process has freed on the CPU, where the C library is GNU's.

    It keeps freed blocks for tensors to come, and where sizes change from step to step none fits: memory grows.
    """
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def free_bytes(device: torch.device) -> int:
    """Return what a GPU has left, with what torch keeps and does not use."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def describe_device(device: torch.device) -> str:
    """Return the name of a GPU, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def say_device(device: torch.device) -> str:
    """Return a device as people know it: ``cuda:0 (NVIDIA H100)`` or ``cpu (AMD EPYC, AVX512)``."""
    return f"{device} ({describe_device(device) if device.type == 'cuda' else describe_processor()})"


def describe_processor() -> str:
    """Return model and widest instructions of the processor, which decide how it rounds: ``AMD EPYC, AVX512 bf16``."""
    kinds = {"bf16": torch.cpu._is_avx512_bf16_supported, "amx": torch.cpu._is_amx_tile_supported}
    found = [torch.backends.cpu.get_cpu_capability(), *(name for name, is_there in kinds.items() if is_there())]
    return f"{_model()}, {' '.join(found)}"


def _require_what_is_held(available: bool) -> None:
    """Raise a `PassingError` where a GPU is held and cannot be used: another node may have a better driver."""
    held = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if available or held in HIDDEN:
        return
    built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    raise PassingError(
        f"expected the GPU that this process holds (CUDA_VISIBLE_DEVICES={held}), but torch {torch.__version__}, built "
        f"{built}, sees none on {platform.node()}. Does `nvidia-smi` work there, and is its driver new enough? "
        "To work on the CPU, empty CUDA_VISIBLE_DEVICES"
    )


@functools.cache
def _free_gpu() -> tuple[str, FileLock | None]:
    """Return the GPU to use, and the lock that keeps our place on it for the life of this process."""
    count = torch.cuda.device_count()
    for place, index in itertools.product(range(MOST_SHARING), range(count if count > 1 else 0)):
        # By its number in the machine: each job of a cluster counts its own from 0.
        name = f"dmd-{os.getuid()}-{torch.cuda.get_device_properties(index).uuid}-{place}.lock"
        lock = FileLock(Path(tempfile.gettempdir()) / name, blocking=False)
        with suppress(Timeout):
            lock.acquire()
            return f"cuda:{index}", lock
    return "cuda", None


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
