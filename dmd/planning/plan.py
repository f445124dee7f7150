"""From the configuration to artefacts, rows and runs with stable names; no torch, nothing trained.

A run is its resolved settings: two artefacts that ask for the same settings share one run, whatever each calls it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from dmd.errors import InputError, lookup
from dmd.planning.artefacts import AnyForm, Block, Curve, Guest, Panel, Table
from dmd.planning.config import Config
from dmd.planning.consistency import require_consistent, standing
from dmd.planning.guests import invite
from dmd.planning.identity import Spec, artefact_name, canonical
from dmd.planning.paper import Published, plotted_values, printed_values
from dmd.planning.resolve import Cell, Resolver, Store
from dmd.planning.splits import load_split
from dmd.planning.strict import Label, Value

F = TypeVar("F", Table, Curve, Panel, AnyForm)


@dataclass(frozen=True)
class Run:
    """One training with everything that decides its result; ``methods`` is what its artefacts call the method."""

    id: str
    spec: Spec
    store: str
    wanted_by: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of a table or point of a curve: the runs behind it and the published numbers beside it.

    ``runs`` are one per seed and draw; ``guest`` is the id of masks made elsewhere, which have no run. ``labelled`` and
    ``unlabelled`` count the patients that it learns from, the latter unknown of a guest; ``reconstructed`` where
    neither code nor all settings of the method on this data set are published. ``paper`` is empty where the data are
    not the paper's; so is ``published``, which has what is known of them and of those of other publications.
    """

    method: str
    label: Label
    reconstructed: bool
    dataset: str
    labelled: int
    unlabelled: int | None
    params: dict[str, Value]
    runs: tuple[str, ...]
    paper: dict[str, float]
    published: tuple[Published, ...] = ()
    guest: str | None = None

    @property
    def results(self) -> tuple[str, ...]:
        """What has test scores: the runs, or the guest."""
        return self.runs or tuple(filter(None, [self.guest]))


@dataclass(frozen=True)
class Artefact(Generic[F]):
    """A table or figure at one scale; ``name`` is its path under results/ without the ending."""

    name: str
    scale: str
    form: F
    rows: tuple[Row, ...]

    @property
    def runs(self) -> list[str]:
        """Ids of all runs behind the artefact, each once, in order."""
        return list(dict.fromkeys(run for row in self.rows for run in row.runs))


@dataclass(frozen=True)
class Plan:
    """What there is to make, at every scale; ``targets`` is what the configuration asks to build."""

    runs: dict[str, Run]
    artefacts: dict[str, Artefact[Any]]
    stores: dict[str, Store]
    targets: tuple[str, ...]

    def of_scale(self, scale: str) -> list[Artefact[Any]]:
        """Return the artefacts of a scale, in the order of the configuration.

        Raises
        ------
        InputError
            There is no such scale.
        """
        known = dict.fromkeys(artefact.scale for artefact in self.artefacts.values())
        lookup(known, scale, "scale", "report")
        return [artefact for artefact in self.artefacts.values() if artefact.scale == scale]


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
    """Carries the configuration and what is planned so far."""

    def __init__(self, config: Config, root: Path) -> None:
        self.config = config
        splits = {name: load_split(root / dataset.split) for name, dataset in config.datasets.items()}
        require_consistent(config, {name: len(split.parts["train"]) for name, split in splits.items()})
        self.resolver = Resolver(config, splits)
        self.printed = printed_values(root / "config" / "paper.csv")
        self.plotted = plotted_values(root / "config" / "paper_figures.csv")
        self.runs: dict[str, Run] = {}
        self.stores: dict[str, Store] = {}

    def plan(self) -> Plan:
        artefacts = [self._artefact(*what) for what in standing(self.config)]
        targets = tuple(artefact_name(name, self.config.scale) for name in self.config.build)
        return Plan(self.runs, {artefact.name: artefact for artefact in artefacts}, self.stores, targets)

    def _artefact(self, name: str, form: AnyForm, scale: str) -> Artefact[Any]:
        where, wanted_by = f"artefact '{name}' at scale '{scale}'", artefact_name(name, scale)
        cells = [Cell(where, scale, *point) for block in form.runs for point in _points(block)]
        rows: dict[str, Row] = {}
        for cell in cells:
            row = self._row(name, form, cell, wanted_by)
            # A row that two blocks ask for is there once. A null counts where it changes the runs, and there alone.
            rows.setdefault(canonical([row.dataset, row.labelled, row.method, row.params, row.runs]), row)
        guests = [self._guest(guest, where, scale) for guest in form.guests] if isinstance(form, Table) else []
        made = Artefact(wanted_by, scale, form, (*rows.values(), *guests))
        if isinstance(form, Curve):
            return replace(made, rows=tuple(self._point(name, form, row) for row in made.rows))
        if isinstance(form, Panel):
            self.resolver.require_hidden(cells)
            self._require_one_scene(name, made)
        return made

    def _row(self, artefact: str, form: AnyForm, cell: Cell, wanted_by: str) -> Row:
        store = self.resolver.store(cell)
        self.stores.setdefault(store.name, store)
        specs = self.resolver.specs(cell, self._axes(form, cell))
        runs = tuple(self._run(cell, spec, store.name, wanted_by) for spec in specs)
        method, place = self.config.methods[cell.method], (artefact, cell.method, cell.dataset, cell.labelled)
        published = self.printed.get(place, ()) if self._has_the_papers_data(cell) else ()
        protocol = self.resolver.protocol(cell)
        return Row(
            method=cell.method,
            label=method.labels.get(cell.dataset, method.labels.get(protocol, method.label)),
            reconstructed=protocol in method.reconstructed,
            dataset=cell.dataset,
            labelled=cell.labelled,
            unlabelled=self.resolver.unlabelled(cell),
            params=cell.params,
            runs=runs,
            paper=published[0].scores if published else {},
            published=published,
        )

    def _guest(self, wanted: Guest, where: str, scale: str) -> Row:
        guest = invite(self.resolver, Cell(where, scale, wanted.dataset, wanted.labelled, "", {}), wanted.name)
        return Row("", guest.label, False, wanted.dataset, wanted.labelled, None, {}, (), {}, guest=guest.id)

    def _axes(self, form: AnyForm, cell: Cell) -> Iterator[tuple[int, int]]:
        """Yield seed and draw of every run of a row; a panel has one draw, as its pictures share unlabelled scans."""
        scale = self.config.scales[cell.scale]
        draws = self.resolver.draws(cell, form.draws or scale.draws)
        return itertools.product(form.seeds or scale.seeds, draws[:1] if isinstance(form, Panel) else draws)

    def _has_the_papers_data(self, cell: Cell) -> bool:
        """Say whether the data set stands for itself: synthetic scans have no published numbers."""
        return self.resolver.data(cell).data == cell.dataset

    def _run(self, cell: Cell, spec: Spec, store: str, wanted_by: str) -> str:
        name = spec.id
        known = self.runs.get(name)
        if known:
            _require_equal(known.spec, spec, f"{cell.where} and {known.wanted_by[0]}")
        artefacts = dict.fromkeys([*(known.wanted_by if known else ()), wanted_by])
        methods = dict.fromkeys([*(known.methods if known else ()), cell.method])
        self.runs[name] = Run(name, spec, store, tuple(artefacts), tuple(methods))
        return name

    def _point(self, name: str, form: Curve, row: Row) -> Row:
        """Return a row as a point of a curve, with the values read off the paper's plot at the same place."""
        for axis in (form.x, form.line) if form.line else (form.x,):
            if axis not in row.params:
                raise InputError(f"artefact '{name}': expected `params` of every block to give '{axis}', found none")
        x = row.params[form.x]
        if isinstance(x, bool) or not isinstance(x, int | float):
            raise InputError(f"artefact '{name}': expected a number on the x axis, found '{form.x}': {x!r}")
        place = (name, str(row.params[form.line]) if form.line else "", float(x))
        data = self.runs[row.runs[0]].spec.training["dataset"]["name"]
        return replace(row, paper=self.plotted.get(place, {}) if data == row.dataset else {})

    def _require_one_scene(self, name: str, artefact: Artefact[Any]) -> None:
        """Require one set of unlabelled volumes for all pictures of a panel, and names that tell them apart."""
        sets = {(row.dataset, row.labelled) for row in artefact.rows}
        if len(sets) > 1:
            raise InputError(f"artefact '{name}': expected one data set and budget in a panel, found {sorted(sets)}")
        (dimensions,) = {self.runs[row.runs[0]].spec.training["dimensions"] for row in artefact.rows}
        if dimensions != 3:
            raise InputError(f"artefact '{name}': panels are drawn of 3-D data, found {dimensions}-D data")
        called = [(row.label, sorted(row.params.items())) for row in artefact.rows]
        twice = [row.method for row, name in zip(artefact.rows, called, strict=True) if called.count(name) > 1]
        if twice:
            raise InputError(f"artefact '{name}': expected a label of its own for each of {', '.join(twice)}")


def _require_equal(known: Spec, spec: Spec, who: str) -> None:
    if known.training != spec.training:
        raise InputError(
            f"{who}: two different settings have the id '{spec.id}'. Change a number of one a little: "
            f"{canonical(known.training)} and {canonical(spec.training)}"
        )
    if known.testing != spec.testing:
        raise InputError(
            f"{who}: the run '{spec.id}' is to be tested in two ways, {canonical(known.testing)} and "
            f"{canonical(spec.testing)}; one folder holds one test. Give both scales the same stride"
        )


def _points(block: Block) -> Iterator[tuple[str, int, str, dict[str, Value]]]:
    axes = [_axis(block.dataset), _axis(block.labelled), _axis(block.method)]
    grids = [[(name, value) for value in _axis(values)] for name, values in block.params.items()]
    for dataset, labelled, method in itertools.product(*axes):
        for point in itertools.product(*grids):
            yield dataset, labelled, method, dict(point)


def _axis(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
