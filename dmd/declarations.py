"""What the file of a method declares, read from its source so that planning needs no torch."""

import ast
from functools import cache
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
    _require_known(method)
    for node in _classes(method):
        if node.name == "Params":
            return [field.target.id for field in node.body if isinstance(field, ast.AnnAssign)]
    raise InputError(
        f"dmd/methods/{method}.py: expected a frozen dataclass Params with the hyper-parameters, found none"
    )


def dimensions(method: str) -> tuple[int, ...]:
    """Return the class attribute ``dimensions`` in dmd/methods/<method>.py, else that of the base class.

    Raises
    ------
    InputError
        There is no such file.
    """
    _require_known(method)
    values = [
        ast.literal_eval(statement.value)
        for node in [*_classes(method), *_classes("base")]
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _name(statement) == "dimensions"
    ]
    return values[0]


def require_dimensions(method: str, found: int, where: str) -> None:
    """Raise an `InputError` unless ``method`` is for images of ``found`` dimensions."""
    known = dimensions(method)
    if found not in known:
        raise InputError(
            f"{where}: method '{method}' is for {' and '.join(f'{count}-D' for count in known)} images only, "
            f"found {found}-D data; choose another data set or another method"
        )


def _require_known(method: str) -> None:
    if method not in methods():
        raise InputError(
            f"unknown method '{method}'{nearest(method, methods())}. Files in dmd/methods: {', '.join(methods())}"
        )


def _classes(module: str) -> list[ast.ClassDef]:
    return _parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))


@cache
def _parse(source: str) -> list[ast.ClassDef]:
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def _name(statement: ast.Assign | ast.AnnAssign) -> str | None:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    return target.id if isinstance(target, ast.Name) else None
