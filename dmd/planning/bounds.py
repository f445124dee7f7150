"""Types of hyper-parameters with their bounds: what a method's ``Params`` is declared with.

The same declaration checks the YAML, the command line and the settings of a run. A number or a truth may come as a word
(``1e-4`` is one in YAML 1.1, and every value inside ``snakemake --config`` is): it is read as what it says.
"""

from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator, Field


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number, found a truth")
    return value


def _truth(value: Any) -> bool:
    words = {"true": True, "false": False}
    found = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise ValueError("expected true or false")
    return found


Number = Annotated[float, BeforeValidator(_no_truth), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Gt(0)]
NonNegative = Annotated[Number, Ge(0)]
Share = Annotated[Number, Ge(0), Le(1)]
Decay = Annotated[Number, Ge(0), Lt(1)]  # of a moving average
Count = Annotated[int, BeforeValidator(_no_truth), Ge(1)]
Several = Annotated[int, BeforeValidator(_no_truth), Ge(2)]
Natural = Annotated[int, BeforeValidator(_no_truth), Ge(0)]
Truth = Annotated[bool, BeforeValidator(_truth)]
