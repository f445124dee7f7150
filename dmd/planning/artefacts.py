"""The forms of artefacts: one type per kind, the same in the configuration, in the plan and in JSON."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dmd.planning.bounds import Positive, Truth, Whole
from dmd.planning.strict import Axis, Draw, Line, Name, Seed, Strict, Value

# What a test case with an empty mask counts as, see `dmd.report.empty.treat_empty`.
Empty = Literal["no_distance", "as_published", "penalised"]
Score = Literal["dice", "jaccard", "hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm"]


class Block(Strict):
    """Runs of an artefact: every list is an axis, the block is their product."""

    dataset: Name | Axis[Name]
    method: Name | Axis[Name]
    labelled: Whole | Axis[Whole]
    params: dict[str, Value | Axis[Value]] = {}

    @property
    def points(self) -> int:
        """How many combinations of its axes there are."""
        axes = [self.dataset, self.method, self.labelled, *self.params.values()]
        return math.prod(len(axis) for axis in axes if isinstance(axis, list))


class Loss(Strict):
    """A distillation loss whose gradient is drawn: ``weight * divergence`` at a temperature."""

    divergence: Literal["dice", "kl", "kl_bernoulli"]
    weight: Positive
    temperature: Positive


class Form(Strict):
    """What every artefact has: a caption, and the blocks whose runs it shows (in JSON its rows stand instead).

    ``seeds`` and ``draws`` stand in place of those of the scale.
    """

    caption: Line
    runs: list[Block] = Field(default=[], exclude=True)
    seeds: Axis[Seed] | None = Field(default=None, exclude=True)
    draws: Axis[Draw] | None = Field(default=None, exclude=True)


class Scored(Form):
    """Shows the scores ``columns``; ``empty`` names what empty masks count as."""

    columns: Annotated[Axis[Score], Field(min_length=1)]
    empty: Empty = "no_distance"


class Table(Scored):
    """A line per row; ``elsewhere`` has numbers of other publications than the paper named below it."""

    kind: Literal["table"]
    elsewhere: Truth = False


class Curve(Scored):
    """The scores over the hyper-parameter ``x``, with one ``line`` per value of another."""

    kind: Literal["curve"]
    x: str
    line: str | None = None


class Panel(Form):
    """A ``picture`` of trained networks; ``gradients`` are of ``losses``."""

    kind: Literal["panel"]
    picture: Literal["pseudo_labels", "gradients", "entropy"]
    losses: list[Loss] = []

    @model_validator(mode="after")
    def _have_losses_where_gradients_are_drawn(self) -> "Panel":
        if bool(self.losses) != (self.picture == "gradients"):
            raise ValueError(f"expected `losses` for the picture 'gradients' and no other, found them {self._found()}")
        return self

    def _found(self) -> Any:
        return f"with '{self.picture}'" if self.losses else "missing"


AnyForm = Annotated[Table | Curve | Panel, Field(discriminator="kind")]
