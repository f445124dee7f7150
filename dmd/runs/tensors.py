"""Files of tensors: equal tensors are equal bytes, and a file that is not whole is known for it."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from dmd.files import replacing

DIGEST = hashlib.sha256().digest_size


class DamagedError(ValueError):
    """A file is not what `save_tensors` wrote."""


def save_tensors(path: Path, content: Any) -> None:
    """Replace a file by what `torch.save` makes of ``content`` and the SHA-256 of that.

    `torch.load` reads such a file and passes over the checksum at its end. By way of memory: torch hides why a disk
    refuses, and writes the name of a path into the file, where equal weights are to be equal bytes.
    """
    whole = io.BytesIO()
    torch.save(content, whole)
    whole.write(hashlib.sha256(whole.getbuffer()).digest())
    with replacing(path) as aside:
        aside.write_bytes(whole.getbuffer())


def load_tensors(path: Path, device: torch.device) -> Any:
    """Return what `save_tensors` was given, on a device.

    Raises
    ------
    FileNotFoundError
        There is no file.
    DamagedError
        The file is truncated, was changed, or was written by something else.
    """
    whole = memoryview(path.read_bytes())
    content, digest = whole[:-DIGEST], whole[-DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise DamagedError(f"{path}: expected the checksum of its content at the end, found another")
    return torch.load(io.BytesIO(content), map_location=device, weights_only=True)
