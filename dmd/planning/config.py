"""The configuration: YAML files read into typed models that refuse what they do not know.

The models are the schema. ``read`` merges the project's files with a user's own; ``check`` turns the merged
dictionary (Snakemake's ``config``, say) into a `Config` or raises an `InputError` that names every fault.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from dmd.errors import InputError, nearest
from dmd.planning.address import database

DEFAULT_STORE = "sqlite:///results/mlflow.db"
FILES = ("config.yaml", "datasets.yaml", "scales.yaml", "methods.yaml", "artefacts.yaml")

Value = float | int | str | bool | None
Selection = Literal["last", "validation", "oracle"]
Empty = Literal[
    "no_distance", "as_published", "penalised"
]  # what an empty prediction counts as, see `dmd.testing.metrics.treat_empty`


def _distinct(values: list) -> list:
    twice = sorted({value for value in values if values.count(value) > 1}, key=str)
    if twice:
        raise ValueError(f"expected each value once, found {twice} again")
    return values


Entry = TypeVar("Entry")
Axis = Annotated[list[Entry], Field(min_length=1), AfterValidator(_distinct)]


class Strict(BaseModel):
    """A frozen model; an unknown key is an error that lists the known ones and the nearest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, given: Any) -> Any:
        unknown = [key for key in given if key not in cls.model_fields] if isinstance(given, dict) else []
        if unknown:
            hints = ", ".join(f"'{key}'{nearest(str(key), cls.model_fields)}" for key in unknown)
            raise ValueError(f"unknown key {hints}. Known keys: {', '.join(cls.model_fields)}")
        return given


class Batch(Strict):
    """Cases in a batch, and how many of them are labelled in a two-stream batch."""

    size: PositiveInt
    labelled: PositiveInt

    @model_validator(mode="after")
    def _leave_room_for_unlabelled(self) -> "Batch":
        if self.labelled >= self.size:
            raise ValueError(f"{self.labelled} labelled cases leave no unlabelled one in a batch of {self.size}")
        return self


class Optimiser(Strict):
    """Stochastic gradient descent."""

    lr: PositiveFloat
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)


class Schedule(Strict):
    """Learning rate over the paper's iterations: ``constant``, ``step`` (every, factor) or ``poly`` (power)."""

    kind: Literal["constant", "step", "poly"]
    every: PositiveInt | None = None
    factor: PositiveFloat | None = None
    power: PositiveFloat | None = None

    @model_validator(mode="after")
    def _have_the_numbers_of_its_kind(self) -> "Schedule":
        needed = {"constant": set(), "step": {"every", "factor"}, "poly": {"power"}}[self.kind]
        given = {name for name in ("every", "factor", "power") if getattr(self, name) is not None}
        if given != needed:
            raise ValueError(f"schedule '{self.kind}' takes {sorted(needed) or 'no numbers'}, found {sorted(given)}")
        return self


class Protocol(Strict):
    """What all methods of one data set share. ``iterations`` are the paper's.

    ``selection`` says which weights are tested: the ``last`` ones, or the best on the patients of ``validation``.
    ``oracle`` is the best on the test patients themselves, as some released scripts choose: for comparison only.
    """

    network: Literal["vnet", "unet"]
    batch: Batch
    iterations: PositiveInt
    optimiser: Optimiser
    schedule: Schedule
    selection: Selection


class Training(Strict):
    """What a method changes in the protocol of one data set."""

    iterations: PositiveInt | None = None
    schedule: Schedule | None = None
    selection: Selection | None = None


class Method(Strict):
    """A row of the tables: an implementation, its hyper-parameters and where they differ.

    ``adapted`` holds what differs on a data set, ``tuned`` what differs there for one budget, ``labels`` what a table
    of that data set calls the row; ``reconstructed`` names the data sets for which neither code nor all settings are
    published.
    """

    label: str
    labels: dict[str, str] = {}
    citation: str | None = None
    implementation: str | None = None
    revision: PositiveInt | None = None
    batches: Literal["two_stream", "labelled"] | None = None
    params: dict[str, Value] = {}
    adapted: dict[str, dict[str, Value]] = {}
    tuned: dict[str, dict[PositiveInt, dict[str, Value]]] = {}
    reconstructed: list[str] = []
    training: dict[str, Training] = {}


class Download(Strict):
    """A public GitHub repository that holds the data set, at one commit."""

    repository: str
    commit: str
    path: str
    url: str = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"


class Dataset(Strict):
    """Facts of a data set; ``reader`` names the module in dmd/data that reads it.

    ``checksums`` names a file with those of every array of the public copy; ``repeated`` lists cases known to share one
    image there.
    """

    revision: PositiveInt
    reader: str
    dimensions: Literal[2, 3]
    classes: list[str] = Field(min_length=2)
    spacing_mm: list[PositiveFloat] | None
    split: str
    checksums: str | None = None
    repeated: list[list[str]] = []
    download: Download | None = None


class ScaledDataset(Strict):
    """The data that stand for a data set at one scale, and how much is computed on them.

    ``validate_every`` is the number of iterations between two validations, where weights are chosen on them.
    """

    data: str
    downsample: list[PositiveInt]
    patch: list[PositiveInt]
    stride: list[PositiveInt] | None = None
    iterations: PositiveInt
    validate_every: PositiveInt | None = None


class Jobs(Strict):
    """What a run asks of a cluster: processors and memory of a job, and after how many minutes it is stopped."""

    cpus: PositiveInt
    memory_mb: PositiveInt
    train_minutes: PositiveInt
    predict_minutes: PositiveInt
    evaluate_minutes: PositiveInt


class Scale(Strict):
    """An amount of computing."""

    seeds: Axis[int]
    precision: Literal["fp32", "bf16"]
    width: PositiveInt = 16
    jobs: Jobs
    datasets: dict[str, ScaledDataset]


class Block(Strict):
    """Runs of an artefact: every list is an axis, the block is their product."""

    dataset: str | Axis[str]
    method: str | Axis[str]
    labelled: int | Axis[int]
    params: dict[str, Value | Axis[Value]] = {}


class Loss(Strict):
    """A distillation loss whose gradient is drawn: ``weight * divergence`` at a temperature."""

    divergence: Literal["dice", "kl", "kl_bernoulli"]
    weight: PositiveFloat
    temperature: PositiveFloat


class Artefact(Strict):
    """A table or figure as data.

    A ``table`` and a ``curve`` show the scores ``columns``; a curve draws them over the hyper-parameter ``x`` with one
    ``line`` per value of another; ``empty`` names what empty predictions count as in them, by default ``no_distance``.
    A ``panel`` draws a ``picture`` of trained networks; ``gradients`` are of ``losses``.
    """

    kind: Literal["table", "curve", "panel"]
    caption: str
    columns: list[Literal["dice", "jaccard", "hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm"]] = []
    x: str | None = None
    line: str | None = None
    empty: Empty | None = None
    picture: Literal["pseudo_labels", "gradients", "entropy"] | None = None
    losses: list[Loss] = []
    runs: list[Block] = Field(min_length=1)

    @model_validator(mode="after")
    def _have_the_keys_of_its_kind(self) -> "Artefact":
        needed = {"table": {"columns"}, "curve": {"columns", "x"}, "panel": {"picture"}}[self.kind]
        if self.picture == "gradients":
            needed = needed | {"losses"}
        optional = {"table": {"empty"}, "curve": {"line", "empty"}, "panel": set()}[self.kind]
        given = {name for name in ("columns", "x", "line", "empty", "picture", "losses") if getattr(self, name)}
        if given - optional != needed:
            raise ValueError(f"{self.picture or self.kind} takes {sorted(needed)}, found {sorted(given) or 'none'}")
        return self


class Tracking(Strict):
    """Where runs are mirrored for comparison; ``None`` is the SQLite file results/mlflow.db."""

    uri: str | None = None

    @field_validator("uri")
    @classmethod
    def _be_a_store(cls, given: str | None) -> str | None:
        try:
            database(DEFAULT_STORE if given is None else given)
        except InputError as error:
            raise ValueError(str(error)) from None
        return given

    @property
    def store(self) -> str:
        """The address, also where none is given."""
        return self.uri or DEFAULT_STORE


class Config(Strict):
    """Everything the planner needs."""

    build: list[str] = Field(min_length=1)
    scale: str
    data: dict[str, str | None] = {}
    tracking: Tracking = Tracking()
    datasets: dict[str, Dataset]
    scales: dict[str, Scale]
    protocols: dict[str, Protocol]
    methods: dict[str, Method]
    artefacts: dict[str, Artefact]


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``change`` laid over it, dictionary by dictionary (as Snakemake does)."""
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def read(folder: Path = Path("config"), *own: Path) -> dict[str, Any]:
    """Merge the project's YAML files and then a user's ``own`` files, later ones winning.

    Raises
    ------
    InputError
        A file is missing or is not a YAML mapping.
    """
    merged: dict[str, Any] = {}
    for path in [folder / name for name in FILES] + list(own):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"expected a configuration file at {path}, found none; run from the project's root"
            ) from None
        except yaml.YAMLError as error:
            raise InputError(f"{path} is not valid YAML: {error}") from None
        if not isinstance(content, dict):
            raise InputError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
        merged = merge(merged, content)
    return merged


def check(content: dict[str, Any]) -> Config:
    """Turn a merged dictionary into a `Config`.

    Raises
    ------
    InputError
        Lists every fault with the place it stands at.
    """
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        faults = [
            f"  {'.'.join(str(part) for part in fault['loc']) or 'top level'}: "
            f"{fault['msg'].removeprefix('Value error, ')}"
            + ("" if fault["type"] == "value_error" else f" (found {fault['input']!r})")
            for fault in error.errors()
        ]
        raise InputError("the configuration has faults:\n" + "\n".join(faults)) from None
