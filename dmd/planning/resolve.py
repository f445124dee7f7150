"""The settings of one run, resolved from the layers of the configuration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dmd.errors import InputError, lookup
from dmd.planning.config import Config, Method, Protocol, ScaledDataset, Training
from dmd.planning.declarations import declaration, require_dimensions, require_params
from dmd.planning.identity import CODE, Spec, plain, store_name
from dmd.planning.implementations import implemented
from dmd.planning.preparation import store_identity
from dmd.planning.splits import Split
from dmd.planning.strict import Value
from dmd.planning.trainable import require_trainable

OWN = 0  # stands in shared settings where every cell, or every run, has a value of its own


@dataclass(frozen=True)
class Store:
    """A prepared data set: its facts in the configuration and the identity that its file carries."""

    name: str
    dataset: str
    identity: dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One point of a block at one scale: everything that an artefact says of a run but its seed and draw.

    ``where`` says in messages who asks.
    """

    where: str
    scale: str
    dataset: str
    labelled: int
    method: str
    params: dict[str, Value]


@dataclass(frozen=True)
class Shared:
    """What the runs of one method, data set, budget and scale have in common; ``params`` are before the artefact's."""

    training: dict[str, Any]
    testing: dict[str, Any]
    params: dict[str, Value]


class Resolver:
    """Lays the configuration's layers over each other, with the splits at hand."""

    def __init__(self, config: Config, splits: Mapping[str, Split]) -> None:
        self.config, self.splits = config, splits
        self.shared: dict[tuple[str, str, int, str], Shared] = {}

    def data(self, cell: Cell) -> ScaledDataset:
        """Return what stands for the data set at the scale."""
        scaled: ScaledDataset = lookup(self.config.scales[cell.scale].datasets, cell.dataset, "data set", cell.where)
        return scaled

    def store(self, cell: Cell) -> Store:
        """Return the prepared data that the run is trained on."""
        scaled = self.data(cell)
        facts, split = self.config.datasets[scaled.data], self.splits[scaled.data]
        made = store_identity(scaled.data, facts, scaled.downsample, split.sha256)
        return Store(store_name(made), scaled.data, made)

    def unlabelled(self, cell: Cell) -> int:
        """Return how many patients the run learns from without their labels."""
        if self._batches(cell) == "labelled":
            return 0
        return self.hidden(cell) + len(self._split(cell).without_annotation)

    def hidden(self, cell: Cell) -> int:
        """Return how many annotated patients the budget leaves, whose labels nobody learns from."""
        return self._patients(cell) - cell.labelled

    def require_hidden(self, cells: Sequence[Cell]) -> None:
        """Raise an `InputError` unless there are such in each: pictures show them beside their annotation."""
        for cell in cells:
            if not self.hidden(cell):
                raise InputError(
                    f"{cell.where}: panels show annotated scans whose labels nobody learnt from, found none with "
                    f"{cell.labelled} patients labelled; lower the budget"
                )

    def protocol(self, cell: Cell) -> str:
        """Return the name of the protocol that the data set follows, by default its own."""
        return self.data(cell).protocol or cell.dataset

    def draws(self, cell: Cell, given: Sequence[int]) -> Sequence[int]:
        """Return the draws that differ: where every patient is labelled there is one way to choose them."""
        return given if cell.labelled < self._patients(cell) else (0,)

    def specs(self, cell: Cell, axes: Iterable[tuple[int, int]]) -> Iterator[Spec]:
        """Yield the settings of the runs of a cell, which share all but seed and draw.

        Raises
        ------
        InputError
            The cell asks for a method, data set, budget or hyper-parameter that does not exist or does not fit.
        """
        group = (cell.scale, cell.dataset, cell.labelled, cell.method)
        shared = self.shared.get(group) or self._shared(cell)
        self.shared[group] = shared
        method = shared.training["method"] | {"params": plain(self._params(cell, shared.params))}
        training = shared.training | {"method": method}
        require_trainable(training, cell.where)
        for seed, draw in axes:
            own = training | {"seed": seed, "draw": draw}
            if not draw:
                del own["draw"]
            yield Spec(own, shared.testing)

    def _shared(self, cell: Cell) -> Shared:
        """Return what the cells of one method, data set, budget and scale have in common."""
        scale, scaled = self.config.scales[cell.scale], self.data(cell)
        protocol = self.config.protocols[self.protocol(cell)]
        facts, source = self.config.datasets[scaled.data], self._source(cell)
        require_dimensions(self._implementation(cell), facts.dimensions, cell.where)
        changes = self._training(cell)
        reference = changes.iterations or protocol.iterations
        selection = changes.selection or scaled.selection or protocol.selection
        self._require_budget(cell, scaled)
        self._require_selection(cell, scaled, selection)
        watched = scaled.oracle_every if selection != "oracle" else None  # which has these looks anyway
        looks = selection != "last" or watched
        training = {
            "dataset": self.store(cell).identity,
            "dimensions": facts.dimensions,
            "classes": len(facts.classes),
            "labelled": cell.labelled,
            "draw": OWN,
            "method": {"implementation": self._implementation(cell), "revision": source.revision, "params": OWN},
            "network": {"kind": protocol.network, "width": scale.width},
            "patch": scaled.patch,
            "batch": _batch(protocol, self._batches(cell)),
            # A method that trains longer in its own paper trains longer at every scale, in proportion.
            "iterations": round(scaled.iterations * reference / protocol.iterations),
            "reference_iterations": reference,
            "optimiser": protocol.optimiser.model_dump(),
            "schedule": (changes.schedule or protocol.schedule).model_dump(),
            "precision": scale.precision,
            "channels_last": None if scale.channels_last else False,
            "deterministic": None if scale.deterministic else False,
            "compile": scale.compile or None,
            "selection": selection,
            "validate_every": scaled.validate_every if selection != "last" else None,
            "oracle_every": watched,
            "validation_stride": scaled.steps if looks else None,
            "seed": OWN,
            "code": CODE,
        }
        return Shared(plain(training), plain({"stride": scaled.steps}), self._layered(cell))

    def _split(self, cell: Cell) -> Split:
        return self.splits[self.data(cell).data]

    def _patients(self, cell: Cell) -> int:
        """Return how many patients a budget may count: those that are annotated."""
        return len(self._split(cell).parts["train"])

    def _method(self, cell: Cell) -> Method:
        method: Method = lookup(self.config.methods, cell.method, "method", cell.where)
        return method

    def _implementation(self, cell: Cell) -> str:
        return implemented(self.config.methods, cell.method, cell.where)[1]

    def _source(self, cell: Cell) -> Method:
        """Return the stanza of the implementation, which has the revision and every hyper-parameter."""
        name, implementation = implemented(self.config.methods, cell.method, cell.where)
        source = self.config.methods[name]
        declaration(implementation)
        if source.revision is None:
            raise InputError(f"{cell.where}: method '{name}' has no revision; add `revision: 1` to its stanza")
        return source

    def _layers(self, cell: Cell) -> list[Method]:
        """Return the stanzas that apply, the later over the earlier."""
        source, row = self._source(cell), self._method(cell)
        return [source] if row is source else [source, row]

    def _training(self, cell: Cell) -> Training:
        """Lay what the stanzas change in the protocol over each other, key by key."""
        names = dict.fromkeys([self.protocol(cell), cell.dataset])
        found = [layer.training[name] for layer in self._layers(cell) for name in names if name in layer.training]
        given = [{key: getattr(change, key) for key in change.model_fields_set} for change in found]
        return Training.model_construct(**{key: value for change in given for key, value in change.items()})

    def _batches(self, cell: Cell) -> str:
        given = [layer.batches for layer in self._layers(cell) if layer.batches]
        return given[-1] if given else "two_stream"

    def _layered(self, cell: Cell) -> dict[str, Value]:
        """Lay the hyper-parameters of the stanzas over each other: those of the implementation, of the row."""
        found: dict[str, Value] = {}
        for layer in self._layers(cell):
            found |= layer.params
            for name in dict.fromkeys([self.protocol(cell), cell.dataset]):
                found |= layer.adapted.get(name, {})
            found |= layer.tuned.get(cell.dataset, {}).get(cell.labelled, {})
        return found

    def _params(self, cell: Cell, below: dict[str, Value]) -> dict[str, Any]:
        """Lay the hyper-parameters of the artefact over those ``below``."""
        where = f"{cell.where}, method '{cell.method}'"
        return require_params(self._implementation(cell), below | cell.params, where)

    def _require_budget(self, cell: Cell, scaled: ScaledDataset) -> None:
        patients = self._patients(cell)
        if not 1 <= cell.labelled <= patients:
            raise InputError(
                f"{cell.where}: expected a budget of 1 to {patients} labelled patients of '{scaled.data}', found "
                f"{cell.labelled}"
            )
        if self._batches(cell) == "two_stream" and not self.unlabelled(cell):
            raise InputError(
                f"{cell.where}: with all {patients} patients of '{scaled.data}' labelled no unlabelled case is left "
                "for a semi-supervised method; lower the budget or use a supervised method"
            )

    def _require_selection(self, cell: Cell, scaled: ScaledDataset, selection: str) -> None:
        if selection == "last":
            return
        if selection == "validation" and not self.splits[scaled.data].parts.get("validation"):
            raise InputError(
                f"{cell.where}: `selection: validation` needs patients to choose on, but the split of '{scaled.data}' "
                "has none in its part 'validation'; use `selection: last`"
            )
        if scaled.validate_every is None:
            raise InputError(
                f"{cell.where}: `selection: {selection}` needs the number of iterations between two validations; add "
                "`validate_every` to the data set in config/scales.yaml"
            )
        watched = scaled.oracle_every if selection == "validation" else None
        if watched and scaled.validate_every % watched:
            raise InputError(
                f"{cell.where}: expected `oracle_every` to divide `validate_every` ({scaled.validate_every}), for a "
                f"look at whichever weights are chosen, found {watched}; change one in config/scales.yaml"
            )


def _batch(protocol: Protocol, batches: str) -> dict[str, int]:
    size = protocol.batch.size
    return {"size": size, "labelled": size if batches == "labelled" else protocol.batch.labelled}
