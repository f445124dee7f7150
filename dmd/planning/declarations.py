"""What the file of a method declares, read from its source so that planning needs no torch."""

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dmd.errors import InputError, nearest, require_known

FOLDER = Path(__file__).parents[1] / "methods"


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
    return [field.target.id for field in _fields(method)]


def require_declared(method: str, params: Iterable[str], where: str) -> None:
    """Raise an `InputError` for a name in ``params`` that is no hyper-parameter of dmd/methods/<method>.py."""
    declared = hyper_parameters(method)
    for name in params:
        if name not in declared:
            raise InputError(
                f"{where} has no hyper-parameter '{name}'{nearest(name, declared)}. "
                f"Its class has: {', '.join(declared)}"
            )


def require_choices(method: str, params: Mapping[str, Any], where: str) -> None:
    """Raise an `InputError` where a hyper-parameter that the class declares as ``Literal`` is none of its words."""
    for field in _fields(method):
        words, value = _literal(field.annotation), params.get(field.target.id)
        if words and value is not None:
            require_known(where, value, words, field.target.id)


def dimensions(method: str) -> tuple[int, ...]:
    """Return the class attribute ``dimensions`` in dmd/methods/<method>.py, else that of the base class.

    Raises
    ------
    InputError
        There is no such file.
    """
    _require_file(method)
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


def _fields(method: str) -> list[ast.AnnAssign]:
    _require_file(method)
    for node in _classes(method):
        if node.name == "Params":
            return [field for field in node.body if isinstance(field, ast.AnnAssign)]
    raise InputError(
        f"dmd/methods/{method}.py: expected a frozen dataclass Params with the hyper-parameters, found none"
    )


def _literal(annotation: ast.expr) -> list[str]:
    """Return the words of ``Literal["a", "b"]``, none of any other annotation."""
    if not (isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") == "Literal"):
        return []
    return [node.value for node in ast.walk(annotation.slice) if isinstance(node, ast.Constant)]


def _require_file(method: str) -> None:
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
