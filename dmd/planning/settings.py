"""What the settings of a run must hold, whoever wrote them down: a ``spec.json`` may be edited or made by hand."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from dmd.planning.bounds import Count, Natural, Several
from dmd.planning.config import Dimensions, Optimiser, Precision, Schedule, Selection
from dmd.planning.identity import canonical
from dmd.planning.strict import Seed, Strict, Value


class _Dataset(Strict):
    name: str
    revision: Count
    downsample: Annotated[list[Count], Field(min_length=3, max_length=3)]
    split: str
    preparation: str | None = None


class _Method(Strict):
    implementation: str
    revision: Count
    params: dict[str, Value]


class _Network(Strict):
    kind: Literal["vnet", "unet"]
    width: Count


class _Batch(Strict):
    size: Count
    labelled: Count


class _Training(Strict):
    dataset: _Dataset
    dimensions: Dimensions
    classes: Several
    labelled: Count
    draw: Natural | None = None
    method: _Method
    network: _Network
    patch: list[Count]
    batch: _Batch
    iterations: Count
    reference_iterations: Count
    optimiser: Optimiser
    schedule: Schedule
    precision: Precision
    # Only what is not the default stands in the settings, so that one way to compute has one name.
    channels_last: Literal[False] | None = None
    deterministic: Literal[False] | None = None
    compile: Literal[True] | None = None
    selection: Selection
    validate_every: Count | None = None
    oracle_every: Count | None = None
    validation_stride: list[Count] | None = None
    seed: Seed
    code: Count


class _Testing(Strict):
    stride: list[Count] | None = None


class _Spec(Strict):
    training: _Training
    testing: _Testing


def faults(content: Any) -> list[str]:
    """Return what is wrong with the settings of a run, each with its place; nothing for `dmd.planning.identity.Spec`.

    A number that stands as a word is a fault: it would be another run.
    """
    try:
        read = _Spec.model_validate(content).model_dump()
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc'])) or 'all'}: {fault['msg']}" for fault in error.errors()]
    same = canonical(read) == canonical(content)
    return (
        []
        if same
        else ["expected numbers and truths as `dmd step describe` writes them, found words or other spellings"]
    )
