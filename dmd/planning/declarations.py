"""What the file of a method declares, read from its source so that planning needs no torch."""

import ast
import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from dmd.errors import InputError, nearest, require_known
from dmd.files import read_text
from dmd.planning import bounds
from dmd.planning.implementations import FOLDER, source_file

FAMILIES = "dmd.methods.families."


@dataclass(frozen=True)
class Declaration:
    """What a method's file says of itself.

    Attributes
    ----------
    params : type
        Its frozen dataclass ``Params``: the hyper-parameters with types and bounds (`dmd.planning.bounds`).
    dimensions : tuple of int
        Dimensions of the images it is defined for.
    source : str
        SHA-256 of its statements and of those of the families that it imports; comments, docstrings and layout do not
        count.
    """

    params: type
    dimensions: tuple[int, ...]
    source: str

    @property
    def names(self) -> list[str]:
        """Names of the hyper-parameters."""
        return [field.name for field in fields(self.params)]


@cache
def declaration(method: str) -> Declaration:
    """Return what the file of a method declares.

    Raises
    ------
    InputError
        There is no such file, it is no Python, has no dataclass ``Params`` or one that uses types unknown to planning,
        or its ``dimensions`` are none.
    """
    path = source_file(method)
    tree, families = _parse(path), [FOLDER / f"{name}.py" for name in _families(_parse(path))]
    return Declaration(_params(path, tree), _dimensions(path, tree), _fingerprint(tree, *map(_parse, families)))


def require_params(method: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return hyper-parameters as the method declares them: every one, of its type, inside its bounds.

    Parameters
    ----------
    method : str
        The implementation.
    given : mapping
        Values by name; one that is left out is null.
    where : str
        Where they stand, for the message.

    Raises
    ------
    InputError
        A name that is no hyper-parameter, or a value of another type or out of bounds.
    """
    declared = declaration(method)
    require_names(method, given, where)
    try:
        return asdict(_adapter(declared.params).validate_python({name: given.get(name) for name in declared.names}))
    except ValidationError as error:
        faults = {str(next(iter(fault["loc"]), "Params")): fault for fault in error.errors()}  # of all, without a place
        said = "; ".join(_say(name, fault, given.get(name)) for name, fault in faults.items())
        raise InputError(f"{where}: {said}") from None


@cache
def _adapter(params: type) -> TypeAdapter[Any]:
    return TypeAdapter(params)


def _say(name: str, fault: Any, found: Any) -> str:
    """Say what is wrong with a value: a word with the known ones and the nearest, a number with its bounds."""
    if fault["type"] == "literal_error" and isinstance(found, str):
        known = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
        return f"unknown {name} '{found}'{nearest(found, known)}. Known: {', '.join(known)}"
    return f"hyper-parameter '{name}': {fault['msg'].removeprefix('Value error, ')}, found {found!r}"


def require_names(method: str, names: Mapping[str, Any], where: str) -> None:
    """Raise an `InputError` for a name that is no hyper-parameter of the method."""
    for name in names:
        require_known(f"{where}: method '{method}'", name, declaration(method).names, "hyper-parameter")


def require_dimensions(method: str, found: int, where: str) -> None:
    """Raise an `InputError` unless ``method`` is for images of ``found`` dimensions."""
    known = declaration(method).dimensions
    if found not in known:
        raise InputError(
            f"{where}: method '{method}' is for {' and '.join(f'{count}-D' for count in known)} images only, "
            f"found {found}-D data; choose another data set or another method"
        )


def _params(path: Path, tree: ast.Module) -> type:
    """Make the class ``Params`` alone, with nothing in reach but the types that it may be declared with."""
    where = str(path)
    found = [node for node in _classes(tree) if node.name == "Params"]
    if not found:
        raise InputError(f"{where}: expected a frozen dataclass Params with the hyper-parameters, found none")
    known: dict[str, Any] = {"dataclass": dataclass, "Literal": Literal, "__name__": f"params of {path.stem}"}
    known |= vars(bounds)
    try:
        exec(compile(ast.Module([found[0]], []), where, "exec"), known)
        made: type = known["Params"]
        if is_dataclass(made):
            _adapter(made)
            return made
    except NameError as error:
        raise InputError(f"{where}: Params may use Literal and the types of dmd/planning/bounds.py: {error}") from None
    except Exception as error:  # whatever Python and pydantic do not take
        raise InputError(f"{where}: expected a frozen dataclass Params, found one that fails: {error!r}") from None
    raise InputError(f"{where}: expected `@dataclass(frozen=True)` above the class Params, found it without")


def _dimensions(path: Path, tree: ast.Module) -> tuple[int, ...]:
    """Return the literal ``dimensions`` of the method's class, which has ``losses``, else those of the base class."""
    methods = [node for node in _classes(tree) if any(_is_losses(statement) for statement in node.body)]
    classes = [*(methods or _classes(tree)), *_classes(_parse(FOLDER / "base.py"))]
    value = next(found for node in classes for found in _assigned(node, "dimensions"))
    with suppress(ValueError, TypeError):
        found = tuple(ast.literal_eval(value))
        if found and set(found) <= {2, 3}:
            return found
    raise InputError(
        f"{path}, line {value.lineno}: expected `dimensions` as (2, 3), (2,) or (3,), literal as planning runs nothing "
        f"of it, found `{ast.unparse(value)}`"
    )


def _families(tree: ast.Module) -> list[str]:
    """Return the modules of dmd/methods/families that a method takes a part of its maths from."""
    modules = [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [name.removeprefix("dmd.methods.").replace(".", "/") for name in modules if name.startswith(FAMILIES)]


def _fingerprint(*trees: ast.Module) -> str:
    """Return the SHA-256 of the statements of modules without their docstrings."""
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256("\n".join(map(ast.unparse, trees)).encode()).hexdigest()


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(read_text(path, "a method's Python"))
    except (SyntaxError, ValueError) as error:
        raise InputError(f"expected a method's Python in {path}: {error}") from None


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def _is_losses(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and statement.name == "losses"


def _assigned(node: ast.ClassDef, name: str) -> list[ast.expr]:
    """Return the values that a class gives a name."""
    given = [statement for statement in node.body if isinstance(statement, ast.Assign | ast.AnnAssign)]
    return [statement.value for statement in given if statement.value and _name(statement) == name]


def _name(statement: ast.Assign | ast.AnnAssign) -> str | None:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    return target.id if isinstance(target, ast.Name) else None
