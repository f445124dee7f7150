"""What every part of the configuration is made of: models that refuse what they do not know, names, axes, values."""

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dmd.errors import nearest
from dmd.planning.identity import NAME

Value = float | int | str | bool | None
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Draw = Annotated[int, Field(ge=0)]
# Names become files, wildcards of rules and words of commands.
Name = Annotated[str, Field(pattern=rf"^{NAME}$")]


def _distinct(values: list[Any]) -> list[Any]:
    twice = sorted({value for value in values if values.count(value) > 1}, key=str)
    if twice:
        raise ValueError(f"expected each value once, found {twice} again")
    return values


Entry = TypeVar("Entry")
Axis = Annotated[list[Entry], Field(min_length=1), AfterValidator(_distinct)]


class Strict(BaseModel):
    """A frozen model without infinite numbers; an unknown key is an error that lists the known ones and the nearest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, given: Any) -> Any:
        unknown = [key for key in given if key not in cls.model_fields] if isinstance(given, dict) else []
        if unknown:
            hints = ", ".join(f"'{key}'{nearest(str(key), cls.model_fields)}" for key in unknown)
            raise ValueError(f"unknown key {hints}. Known keys: {', '.join(cls.model_fields)}")
        return given
