"""From the configuration to runs with stable names; no torch, nothing trained, nothing read but small text files.

A run is its resolved settings: two artefacts that ask for the same settings share one run, whatever each calls it.
Its name is a readable prefix and a short hash over the canonical JSON of the settings, so a change of any number
that decides the result makes another run, and labels, paths or devices make none.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dmd.errors import InputError, lookup
from dmd.planning.config import Block, Config, Empty, Method, Protocol, ScaledDataset, Value
from dmd.planning.consistency import require_consistent
from dmd.planning.declarations import require_choices, require_declared, require_dimensions
from dmd.planning.paper import plotted_values, printed_values
from dmd.planning.splits import Split, load_split


@dataclass(frozen=True)
class Run:
    """One training with everything that decides its result; ``methods`` is what its artefacts call the method."""

    id: str
    spec: dict[str, Any]
    store: str
    wanted_by: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Loss:
    """A distillation loss ``weight * divergence`` at a temperature."""

    divergence: str
    weight: float
    temperature: float


@dataclass(frozen=True)
class Row:
    """One line of a table or point of a curve: the runs (one per seed) behind it and the paper's numbers beside it.

    ``labelled`` and ``unlabelled`` count the patients that it learns from; ``reconstructed`` where neither code nor all
    settings of the method on this data set are published.
    """

    method: str
    label: str
    reconstructed: bool
    dataset: str
    labelled: int
    unlabelled: int
    params: dict[str, Value]
    runs: tuple[str, ...]
    paper: dict[str, float]


@dataclass(frozen=True)
class Artefact:
    """A table or figure at one scale; ``name`` is its path under results/ without the ending.

    ``x`` and ``line`` are those of a curve, ``picture`` and ``losses`` those of a panel, ``empty`` stands in tables and
    curves (`dmd.planning.config.Artefact`).
    """

    name: str
    scale: str
    kind: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    x: str | None = None
    line: str | None = None
    empty: Empty | None = None
    picture: str | None = None
    losses: tuple[Loss, ...] | None = None

    @property
    def runs(self) -> list[str]:
        """Ids of all runs behind the artefact, each once, in order."""
        return list(dict.fromkeys(run for row in self.rows for run in row.runs))


@dataclass(frozen=True)
class Store:
    """A prepared data set: its facts in the configuration and the identity that its file carries."""

    name: str
    dataset: str
    identity: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What there is to make, at every scale; ``targets`` is what the configuration asks to build."""

    runs: dict[str, Run]
    artefacts: dict[str, Artefact]
    stores: dict[str, Store]
    targets: tuple[str, ...]

    def of_scale(self, scale: str) -> list[Artefact]:
        """Return the artefacts of a scale, in the order of the configuration.

        Raises
        ------
        InputError
            There is no such scale.
        """
        known = dict.fromkeys(artefact.scale for artefact in self.artefacts.values())
        lookup(known, scale, "scale", "report")
        return [artefact for artefact in self.artefacts.values() if artefact.scale == scale]


def canonical(value: Any) -> str:
    """Return JSON with one spelling per value: sorted keys, 2.0 written as 2, keys that are ``None`` left out."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run_id(spec: dict[str, Any]) -> str:
    """Name a run: ``la-8-dmd-08a39383`` is data set, budget, implementation and hash of all settings.

    >>> run_id({"dataset": {"name": "la"}, "labelled": 8, "method": {"implementation": "dmd"}, "seed": 1})
    'la-8-dmd-05cd8391'
    """
    digest = hashlib.sha256(canonical(spec).encode()).hexdigest()[:8]
    return f"{spec['dataset']['name']}-{spec['labelled']}-{spec['method']['implementation']}-{digest}"


def make(config: Config, root: Path = Path()) -> Plan:
    """Plan every artefact at every scale.

    Parameters
    ----------
    config : Config
        The checked configuration.
    root : Path
        Folder that the paths in the configuration (splits, paper.csv) are relative to.

    Raises
    ------
    InputError
        An artefact asks for a method, data set, budget, hyper-parameter or scale that does not exist.
    """
    return _Planner(config, root).plan()


class _Planner:
    """Carries the configuration and the splits while the plan is made."""

    def __init__(self, config: Config, root: Path) -> None:
        self.config = config
        self.splits: dict[str, Split] = {
            name: load_split(root / dataset.split) for name, dataset in config.datasets.items()
        }
        self.paper = printed_values(root / "config" / "paper.csv")
        self.plotted = plotted_values(root / "config" / "paper_figures.csv")
        self.runs: dict[str, Run] = {}
        self.stores: dict[str, Store] = {}

    def plan(self) -> Plan:
        patients = {name: len(split.parts["train"]) for name, split in self.splits.items()}
        require_consistent(self.config, patients)
        artefacts = {
            artefact.name: artefact
            for scale in self.config.scales
            for artefact in (self._artefact(name, scale) for name in self.config.artefacts)
        }
        targets = tuple(artefact_name(name, self.config.scale) for name in self.config.build)
        return Plan(self.runs, artefacts, self.stores, targets)

    def _artefact(self, name: str, scale: str) -> Artefact:
        settings = self.config.artefacts[name]
        full_name = artefact_name(name, scale)
        rows = tuple(self._row(name, scale, full_name, *cell) for block in settings.runs for cell in _cells(block))
        if settings.kind == "curve":
            rows = tuple(self._point(name, settings.x, settings.line, row) for row in rows)
        if settings.kind == "panel":
            self._check_panel(name, rows)
        return Artefact(
            name=full_name,
            scale=scale,
            kind=settings.kind,
            caption=settings.caption,
            columns=tuple(settings.columns),
            rows=rows,
            x=settings.x,
            line=settings.line,
            empty=settings.empty,
            picture=settings.picture,
            losses=tuple(Loss(**loss.model_dump()) for loss in settings.losses) or None,
        )

    def _point(self, name: str, x: str, line: str | None, row: Row) -> Row:
        """Return a row as a point of a curve, with the values read off the paper's plot at the same place."""
        for axis in (x, line) if line else (x,):
            if axis not in row.params:
                raise InputError(f"artefact '{name}': expected `params` of every block to give '{axis}', found none")
        if _kind(row.params[x]) != "a number":
            raise InputError(f"artefact '{name}': expected a number on the x axis, found '{x}': {row.params[x]!r}")
        place = (name, str(row.params[line]) if line else "", float(row.params[x]))
        return replace(row, paper=self.plotted.get(place, {}))

    def _check_panel(self, name: str, rows: tuple[Row, ...]) -> None:
        """Require one set of unlabelled volumes for all pictures of a panel."""
        sets = {(row.dataset, row.labelled) for row in rows}
        if len(sets) > 1:
            raise InputError(f"artefact '{name}': expected one data set and budget in a panel, found {sorted(sets)}")
        (dimensions,) = {self.runs[row.runs[0]].spec["dimensions"] for row in rows}
        if dimensions != 3:
            raise InputError(f"artefact '{name}': panels are drawn of 3-D data, found {dimensions}-D data")

    def _row(
        self, name: str, scale: str, full_name: str, dataset: str, labelled: int, method: str, params: dict
    ) -> Row:
        where = f"artefact '{name}' at scale '{scale}'"
        ids = []
        for seed in self.config.scales[scale].seeds:
            spec, store = self._spec(where, scale, dataset, labelled, method, params, seed)
            known = self.runs.get(run_id(spec))
            wanted_by = dict.fromkeys([*(known.wanted_by if known else ()), full_name])
            methods = dict.fromkeys([*(known.methods if known else ()), method])
            run = Run(run_id(spec), spec, store, tuple(wanted_by), tuple(methods))
            self.runs[run.id] = run
            ids.append(run.id)
        row = self.config.methods[method]
        return Row(
            method=method,
            label=row.labels.get(dataset, row.label),
            reconstructed=dataset in row.reconstructed,
            dataset=dataset,
            labelled=labelled,
            unlabelled=self._unlabelled(spec),
            params=params,
            runs=tuple(ids),
            paper=self.paper.get((name, method, dataset, labelled), {}),
        )

    def _unlabelled(self, spec: dict[str, Any]) -> int:
        if spec["batch"]["labelled"] == spec["batch"]["size"]:
            return 0
        return len(self.splits[spec["dataset"]["name"]].parts["train"]) - spec["labelled"]

    def _spec(
        self, where: str, scale: str, dataset: str, labelled: int, method: str, params: dict, seed: int
    ) -> tuple[dict[str, Any], str]:
        settings = self.config.scales[scale]
        scaled = lookup(settings.datasets, dataset, "data set", where)
        protocol = self.config.protocols[dataset]
        row = lookup(self.config.methods, method, "method", where)
        store = self._store(scaled)
        implementation = row.implementation or method
        source = self.config.methods[implementation]
        dimensions = self.config.datasets[scaled.data].dimensions
        require_dimensions(implementation, dimensions, where)
        if source.revision is None:
            raise InputError(f"{where}: method '{implementation}' has no revision; add `revision: 1` to its stanza")
        training = row.training.get(dataset) or source.training.get(dataset)
        reference = (training and training.iterations) or protocol.iterations
        schedule = (training and training.schedule) or protocol.schedule
        selection = (training and training.selection) or protocol.selection
        batches = row.batches or source.batches or "two_stream"
        self._check_budget(where, scaled.data, labelled, batches)
        self._check_selection(where, scaled, selection)
        spec = {
            "dataset": store.identity,
            "dimensions": dimensions,
            "classes": len(self.config.datasets[scaled.data].classes),
            "labelled": labelled,
            "method": {
                "implementation": implementation,
                "revision": source.revision,
                "params": _params(where, method, row, source, dataset, labelled, params),
            },
            "network": {"kind": protocol.network, "width": settings.width},
            "patch": scaled.patch,
            "batch": _batch(protocol, batches),
            # A method that trains longer in its own paper trains longer at every scale, in proportion.
            "iterations": round(scaled.iterations * reference / protocol.iterations),
            "reference_iterations": reference,
            "optimiser": protocol.optimiser.model_dump(),
            "schedule": schedule.model_dump(),
            "precision": settings.precision,
            "stride": scaled.stride,
            "selection": selection,
            "validate_every": None if selection == "last" else scaled.validate_every,
            "seed": seed,
        }
        return json.loads(canonical(spec)), store.name

    def _store(self, scaled: ScaledDataset) -> Store:
        facts = self.config.datasets[scaled.data]
        identity = {
            "name": scaled.data,
            "revision": facts.revision,
            "downsample": scaled.downsample,
            "split": self.splits[scaled.data].sha256,
        }
        name = store_name(identity)
        return self.stores.setdefault(name, Store(name, scaled.data, identity))

    def _check_budget(self, where: str, data: str, labelled: int, batches: str) -> None:
        patients = len(self.splits[data].parts["train"])
        if not 1 <= labelled <= patients:
            raise InputError(
                f"{where}: expected a budget of 1 to {patients} labelled patients of '{data}', found {labelled}"
            )
        if batches == "two_stream" and labelled == patients:
            raise InputError(
                f"{where}: with all {patients} patients of '{data}' labelled no unlabelled case is left for a "
                "semi-supervised method; lower the budget or use a supervised method"
            )

    def _check_selection(self, where: str, scaled: ScaledDataset, selection: str) -> None:
        if selection == "last":
            return
        if selection == "validation" and not self.splits[scaled.data].parts.get("validation"):
            raise InputError(
                f"{where}: `selection: validation` needs patients to choose on, but the split of '{scaled.data}' has "
                "none in its part 'validation'; use `selection: last`"
            )
        if scaled.validate_every is None:
            raise InputError(
                f"{where}: `selection: {selection}` needs the number of iterations between two validations; add "
                "`validate_every` to the data set in config/scales.yaml"
            )


def describe_store(config: Config, store: Store) -> str:
    """Return the JSON that `dmd step prepare` and `dmd step check` work from: the identity of a store and its facts."""
    return canonical({"identity": store.identity, "dataset": config.datasets[store.dataset].model_dump()})


def describe_artefact(artefact: Artefact) -> str:
    """Return the JSON that an artefact is made from, for whoever has only the runs."""
    return canonical(asdict(artefact))


def artefact_name(name: str, scale: str) -> str:
    """Return the path of an artefact under results/ without its ending: the paper's scale has no folder."""
    return name if scale == "paper" else f"{scale}/{name}"


def store_name(identity: dict[str, Any]) -> str:
    """Return the name of the store that has an identity, which stands in the ``dataset`` of every spec.

    >>> store_name({"name": "la", "downsample": [2, 2, 2]})
    'la-2x2x2'
    """
    return f"{identity['name']}-{'x'.join(str(factor) for factor in identity['downsample'])}"


def _cells(block: Block) -> Iterator[tuple[str, int, str, dict[str, Value]]]:
    axes = [_axis(block.dataset), _axis(block.labelled), _axis(block.method)]
    grids = [[(name, value) for value in _axis(values)] for name, values in block.params.items()]
    for dataset, labelled, method in itertools.product(*axes):
        for point in itertools.product(*grids):
            yield dataset, labelled, method, dict(point)


def _axis(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _params(
    where: str, name: str, row: Method, source: Method, dataset: str, labelled: int, asked: dict[str, Value]
) -> dict[str, Value]:
    """Lay the hyper-parameters over each other: those of the implementation, of the row, of the artefact."""
    layers = _of_dataset(source, dataset, labelled)
    if row is not source:
        layers += [row.params, *_of_dataset(row, dataset, labelled)]
    implementation = row.implementation or name
    require_declared(implementation, asked, f"{where}: method '{name}'")
    resolved = dict(source.params)
    for layer in [*layers, asked]:
        resolved |= layer
    for key, value in resolved.items():
        expected = source.params[key]
        if value is not None and expected is not None and _kind(value) != _kind(expected):
            raise InputError(f"{where}: hyper-parameter '{key}' of '{name}' expects {_kind(expected)}, found {value!r}")
    require_choices(implementation, resolved, f"{where}, method '{name}'")
    return resolved


def _of_dataset(method: Method, dataset: str, labelled: int) -> list[dict[str, Value]]:
    return [method.adapted.get(dataset, {}), method.tuned.get(dataset, {}).get(labelled, {})]


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a word"


def _batch(protocol: Protocol, batches: str) -> dict[str, int]:
    size = protocol.batch.size
    return {"size": size, "labelled": size if batches == "labelled" else protocol.batch.labelled}
