"""What every part of the configuration is made of: models that refuse what they do not know, names, axes, values."""

from collections import Counter
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from dmd.errors import nearest
from dmd.planning.bounds import NULL, Natural, read_word
from dmd.planning.identity import NAME

Value = Annotated[float | int | str | bool | None, BeforeValidator(read_word)]
Seed = Natural
Draw = Natural
# Names become files, wildcards of rules and words of commands.
Name = Annotated[str, Field(pattern=rf"^{NAME}$")]


def _at_home(path: str) -> str:
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise ValueError(f"expected a path, found '{path}' of a user who has no home here") from None


Place = Annotated[str, AfterValidator(_at_home)]  # a file or folder


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if not line.isprintable():
        raise ValueError(f"expected text that can be printed, found {text!r}")
    return line


def _label(text: str) -> str:
    line = _one_line(text)
    if not line or line.startswith("_"):  # Matplotlib leaves such out of legends
        raise ValueError(f"expected a name that does not begin with '_', found {text!r}")
    return line


Line = Annotated[str, AfterValidator(_one_line)]  # what people read; a line break in it is a space
Label = Annotated[str, AfterValidator(_label)]  # what something is called in tables and figures


def _distinct(values: list[Any]) -> list[Any]:
    twice = sorted((value for value, count in Counter(values).items() if count > 1), key=str)
    if twice:
        raise ValueError(f"expected each value once, found {twice} again")
    return values


Entry = TypeVar("Entry")
Axis = Annotated[list[Entry], Field(min_length=1), AfterValidator(_distinct)]


def no_word(value: Any) -> Any:
    """Return null for a word that means it; ``snakemake --config`` gives no other."""
    return None if isinstance(value, str) and value in NULL else value


class Strict(BaseModel):
    """A frozen model without infinite numbers; an unknown key is an error that lists the known ones and the nearest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        unknown = [key for key in given if key not in cls.model_fields]
        if unknown:
            hints = ", ".join(f"'{key}'{nearest(str(key), cls.model_fields)}" for key in unknown)
            raise ValueError(f"unknown key {hints}. Known keys: {', '.join(cls.model_fields)}")
        return {key: no_word(value) if cls._may_be_null(key) else value for key, value in given.items()}

    @classmethod
    def _may_be_null(cls, key: str) -> bool:
        return NoneType in get_args(cls.model_fields[key].annotation)
