"""The configuration as typed models: the schema of the files in config/."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from dmd.errors import InputError
from dmd.planning import preparation
from dmd.planning.address import Tracking
from dmd.planning.artefacts import AnyForm
from dmd.planning.bounds import Count, Decay, NonNegative, Number, Positive, Truth, Whole, read_word
from dmd.planning.implementations import PATTERN
from dmd.planning.strict import Axis, Draw, Label, Line, Name, Place, Seed, Strict, Value, no_word

RESERVED = ("data", "guests", "logs", "mlartifacts", "raw", "runs")  # folders in results/ beside those of the scales

Selection = Literal["last", "validation", "oracle"]
Precision = Literal["fp32", "tf32", "bf16"]
Intensities = Literal["z_score", "z_score_box", "ct", "unchanged"]
Dimensions = Annotated[Literal[2, 3], BeforeValidator(read_word)]


class Batch(Strict):
    """Cases in a batch, and how many of them are labelled in a two-stream batch."""

    size: Count
    labelled: Count

    @model_validator(mode="after")
    def _leave_room_for_unlabelled(self) -> "Batch":
        if self.labelled >= self.size:
            raise ValueError(f"{self.labelled} labelled cases leave no unlabelled one in a batch of {self.size}")
        return self


class Optimiser(Strict):
    """Stochastic gradient descent."""

    lr: Positive
    momentum: Decay
    weight_decay: NonNegative


class Schedule(Strict):
    """Learning rate over the paper's iterations: ``constant``, ``step`` (every, factor) or ``poly`` (power)."""

    kind: Literal["constant", "step", "poly"]
    every: Count | None = None
    factor: Positive | None = None
    power: Positive | None = None

    @model_validator(mode="after")
    def _have_the_numbers_of_its_kind(self) -> "Schedule":
        needed: set[str] = {"constant": set(), "step": {"every", "factor"}, "poly": {"power"}}[self.kind]
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
    iterations: Count
    optimiser: Optimiser
    schedule: Schedule
    selection: Selection


class Training(Strict):
    """What a method changes in the protocol of one data set."""

    iterations: Count | None = None
    schedule: Schedule | None = None
    selection: Selection | None = None


class Method(Strict):
    """A row of the tables: an implementation, its hyper-parameters and where they differ.

    ``implementation`` names the stanza whose file implements it, or code elsewhere: ``mypackage.mine``, ``mine.py``.

    ``adapted`` holds what differs on a data set, ``tuned`` what differs there for one budget, ``labels`` what a table
    of that data set calls the row; ``reconstructed`` names the data sets for which neither code nor all settings are
    published.
    """

    label: Label
    labels: dict[str, Label] = {}
    citation: Line | None = None
    implementation: Annotated[str, Field(pattern=PATTERN)] | None = None
    revision: Count | None = None
    batches: Literal["two_stream", "labelled"] | None = None
    params: dict[str, Value] = {}
    adapted: dict[str, dict[str, Value]] = {}
    tuned: dict[str, dict[Count, dict[str, Value]]] = {}
    reconstructed: list[str] = []
    training: dict[str, Training] = {}


class Download(Strict):
    """A public GitHub repository that holds the data set, at one commit."""

    repository: str
    commit: str
    path: Annotated[str, Field(pattern=r"^[^{}]*(\{case\}[^{}]*)+$")]
    url: Annotated[str, Field(pattern=r"^([^{}]|\{(repository|commit|path)\})*$")] = (
        "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
    )


class Dataset(Strict):
    """Facts of a data set; ``reader`` names the module in dmd/data/sources that reads it.

    ``checksums`` names a file with those of every array of the public copy; ``repeated`` lists cases known to share one
    image there. ``terms`` says to readers of a card what may be done with what was learnt from the scans. A folder of
    scans says what is made of them: the value of each class in ``labels``, the rule of the ``intensities``, of a CT
    with its ``window``.
    """

    revision: Count
    reader: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    dimensions: Dimensions
    classes: list[Label] = Field(min_length=2)
    spacing_mm: Annotated[list[Positive], Field(min_length=3, max_length=3)] | None
    split: Place
    checksums: Place | None = None
    repeated: list[list[str]] = []
    download: Download | None = None
    terms: Line | None = None
    labels: Annotated[Axis[Whole], Field(min_length=2)] | None = None
    intensities: Intensities | None = None
    window: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _say_of_a_folder_what_is_made_of_it(self) -> "Dataset":
        for fault in preparation.faults(self):
            raise ValueError(fault)
        return self


class ScaledDataset(Strict):
    """The data that stand for a data set at one scale, and how much is computed on them.

    ``protocol`` names the protocol where it is not the data set's own, ``selection`` what is changed in it;
    ``validate_every`` is the number of iterations between two validations, where weights are chosen on them;
    ``oracle_every`` between two looks at the test patients, which decide nothing. ``stride: fast``: half of the patch.
    """

    data: str
    protocol: str | None = None
    selection: Selection | None = None
    downsample: list[Count]
    patch: list[Count]
    stride: list[Count] | Literal["fast"] | None = None
    iterations: Count
    validate_every: Count | None = None
    oracle_every: Count | None = None

    @property
    def steps(self) -> list[int] | None:
        """Steps between windows along the axes; nothing for slices."""
        return [edge // 2 for edge in self.patch] if self.stride == "fast" else self.stride


class Jobs(Strict):
    """What a run asks of a cluster: processors and memory of a job, and after how many minutes it is stopped."""

    cpus: Count
    memory_mb: Count
    train_minutes: Count
    test_minutes: Count


class Scale(Strict):
    """An amount of computing; a run for each of ``seeds`` and ``draws`` (`dmd.planning.splits.drawn`)."""

    seeds: Axis[Seed]
    draws: Axis[Draw] = [0]
    precision: Precision  # and the three below: `dmd.networks.kernels.Kernels`
    channels_last: Truth = True
    deterministic: Truth = True
    compile: Truth = False
    width: Count = 16
    jobs: Jobs
    datasets: dict[Name, ScaledDataset]


class Config(Strict):
    """Everything the planner needs.

    ``keep`` names the methods whose runs stay as they are although the text of their file has changed since;
    ``trainings_per_gpu`` is how many share a GPU of this machine.
    """

    build: list[str] = Field(min_length=1)
    scale: str
    data: dict[str, Annotated[Place | None, BeforeValidator(no_word)]] = {}
    tracking: Tracking = Tracking()
    keep: list[str] = []
    trainings_per_gpu: Count = 1
    datasets: dict[Name, Dataset]
    scales: dict[Name, Scale]
    protocols: dict[Name, Protocol]
    methods: dict[Name, Method]
    artefacts: dict[Name, AnyForm]

    @field_validator("scales")
    @classmethod
    def _leave_our_own_folders_alone(cls, given: dict[str, Scale]) -> dict[str, Scale]:
        for name in set(given) & set(RESERVED):
            raise ValueError(f"expected a scale with another name than the folders of results/, found '{name}'")
        return given

    @field_validator("artefacts")
    @classmethod
    def _leave_the_report_alone(cls, given: dict[str, AnyForm]) -> dict[str, AnyForm]:
        if "report" in given:
            raise ValueError("expected an artefact with another name than that of the page, found 'report'")
        return given


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
