"""What the file of a method declares, read from its source so that planning needs no torch."""

import ast
from pathlib import Path

from dmd.errors import InputError, nearest

FOLDER = Path(__file__).parent / "methods"


def methods() -> list[str]:
    """Return the names of all methods: the files in dmd/methods."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "base"))


def hyper_parameters(method: str) -> list[str]:
    """Return the fields of the class ``Params`` in dmd/methods/<method>.py.

    Raises
    ------
    InputError
        There is no such file, or no such class in it.
    """
    if method not in methods():
        raise InputError(
            f"unknown method '{method}'{nearest(method, methods())}. Files in dmd/methods: {', '.join(methods())}"
        )
    for node in ast.parse((FOLDER / f"{method}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == "Params":
            return [field.target.id for field in node.body if isinstance(field, ast.AnnAssign)]
    raise InputError(
        f"dmd/methods/{method}.py: expected a frozen dataclass Params with the hyper-parameters, found none"
    )
