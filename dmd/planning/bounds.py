"""Types of numbers, truths and hyper-parameters with their bounds: what a method's ``Params`` is declared with.

The same declaration checks the YAML, the command line and the settings of a run. A number, a truth or null may come as
a word (``1e-4`` is one in YAML 1.1, and every value inside ``snakemake --config`` is): it is read as what it says.
"""

from contextlib import suppress
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator, Field

NULL = ("", "~", "null", "Null", "NULL")  # how YAML writes it
TRUTHS = {"true": True, "false": False}


def read_word(value: Any) -> Any:
    """Return the null, truth or number that a word says; any other value as it is.

    >>> [read_word(value) for value in ("null", "False", "1e-4", "1e4", "12", "dice", 3, None)]
    [None, False, 0.0001, 10000.0, 12, 'dice', 3, None]
    """
    if not isinstance(value, str):
        return value
    if value in NULL:
        return None
    if value.lower() in TRUTHS:
        return TRUTHS[value.lower()]
    for read in (int, float):
        with suppress(ValueError):
            return read(value)
    return value


def _number(value: Any) -> Any:
    found = read_word(value)
    if isinstance(found, bool):
        raise ValueError("expected a number, found a truth")
    return value if found is None else found


def _truth(value: Any) -> bool:
    found = TRUTHS.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("expected true or false")
    return found


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Gt(0)]
NonNegative = Annotated[Number, Ge(0)]
Share = Annotated[Number, Ge(0), Le(1)]
Decay = Annotated[Number, Ge(0), Lt(1)]  # of a moving average
Whole = Annotated[int, BeforeValidator(_number), Lt(2**63)]
Count = Annotated[Whole, Ge(1)]
Several = Annotated[Whole, Ge(2)]
Natural = Annotated[Whole, Ge(0)]
Truth = Annotated[bool, BeforeValidator(_truth)]
