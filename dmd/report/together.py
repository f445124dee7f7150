"""CSV files of one header read as one table: thousands of small files in the time of a large one."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def read_together(files: Sequence[Path], **how: Any) -> pd.DataFrame:
    """Return the lines of all files; the index, ``file``, is the place of theirs among them.

    Parameters
    ----------
    files : sequence of Path
        One at least.
    how : any
        For `pandas.read_csv`.

    Raises
    ------
    OSError, ValueError
        One of them cannot be read; which one, reading it alone says.
    """
    texts = [file.read_bytes().partition(b"\n") for file in files]
    heads, bodies = {head for head, _, _ in texts}, [_ended(body) for _, _, body in texts]
    if len(heads) > 1:
        return _one_by_one(files, **how)
    lines = pd.read_csv(BytesIO(b"\n".join([*heads, b"".join(bodies)])), **how)
    numbers = [body.count(b"\n") for body in bodies]
    if len(lines) != sum(numbers):  # a line is empty, or goes on in the next
        return _one_by_one(files, **how)
    return lines.set_axis(pd.Index(np.repeat(range(len(files)), numbers), name="file"))


def _ended(body: bytes) -> bytes:
    return body if body.endswith(b"\n") or not body else body + b"\n"


def _one_by_one(files: Sequence[Path], **how: Any) -> pd.DataFrame:
    found = [pd.read_csv(file, **how) for file in files]
    return pd.concat(found, keys=range(len(files)), names=["file"]).droplevel(1)
