"""Whether the parts of a configuration fit together, those that no planned run reads included."""

from collections.abc import Iterable, Iterator, Mapping

from dmd.errors import InputError, lookup
from dmd.planning.artefacts import AnyForm
from dmd.planning.config import Config, Dataset, Method, Scale, ScaledDataset
from dmd.planning.declarations import declaration, require_names, require_params
from dmd.planning.implementations import implemented, is_elsewhere

AXES = 3  # of what is prepared: volumes, and stacks of slices
HALVED = 16  # dmd/networks: both kinds halve their input four times
MOST_RUNS = 20_000  # planned in some 5 s, as every step of the workflow does


def require_consistent(config: Config, patients: Mapping[str, int]) -> None:
    """Require that every name refers to something, and that patches and strides suit the data.

    Parameters
    ----------
    config : Config
        The checked configuration.
    patients : mapping
        How many training patients each data set has.

    Raises
    ------
    InputError
        Says where the first fault stands, what was expected and what was found.
    """
    lookup(config.scales, config.scale, "scale", "config: scale")
    for name in config.build:
        _require_at_hand(config, name, lookup(config.artefacts, name, "artefact", "config: build"))
    for name in config.data:
        lookup(config.datasets, name, "data set", "config: data")
    for scale, settings in config.scales.items():
        for name, scaled in settings.datasets.items():
            where = f"config: scales.{scale}.datasets.{name}"
            lookup(config.protocols, scaled.protocol or name, "protocol" if scaled.protocol else "data set", where)
            _require_shapes(where, scaled, lookup(config.datasets, scaled.data, "data set", where))
    for name, artefact in config.artefacts.items():
        if not artefact.runs:
            raise InputError(f"config: artefacts.{name}.runs: expected at least one block of runs, found none")
    _require_few_runs(config)
    for name in config.keep:
        lookup(config.methods, name, "method", "config: keep")
    # Implementations first: a fault of theirs is theirs, and not that of a row that shares it.
    for name, method in sorted(config.methods.items(), key=lambda entry: _is_shared(entry[1])):
        _require_method(config, name, method, patients)


def scales_of(form: AnyForm, scales: Mapping[str, Scale]) -> list[str]:
    """Return the scales in which all data sets of an artefact stand; where there is none all, which will be refused."""
    given = [block.dataset for block in form.runs]
    asked = {name for names in given for name in (names if isinstance(names, list) else [names])}
    return [name for name, scale in scales.items() if asked <= set(scale.datasets)] or list(scales)


def standing(config: Config) -> Iterator[tuple[str, AnyForm, str]]:
    """Yield name, form and scale of every artefact at each scale in which it stands, scale by scale."""
    for scale in config.scales:
        yield from (
            (name, form, scale) for name, form in config.artefacts.items() if scale in scales_of(form, config.scales)
        )


def _require_at_hand(config: Config, name: str, form: AnyForm) -> None:
    there = scales_of(form, config.scales)
    if config.scale not in there:
        raise InputError(
            f"config: build: expected the data sets of artefact '{name}' at scale '{config.scale}', found them at "
            f"{', '.join(there)}; choose that, as with `--config scale={there[0]}`"
        )


def _require_few_runs(config: Config) -> None:
    """Require a plan that is made in seconds; settings that several artefacts share count for each."""
    runs = {
        name: sum(
            sum(block.points for block in form.runs) * len(form.seeds or scale.seeds) * len(form.draws or scale.draws)
            for scale in map(config.scales.__getitem__, scales_of(form, config.scales))
        )
        for name, form in config.artefacts.items()
    }
    if sum(runs.values()) > MOST_RUNS:
        largest = max(runs, key=lambda name: runs[name])
        scales = len(scales_of(config.artefacts[largest], config.scales))
        raise InputError(
            f"config: artefacts: expected at most {MOST_RUNS} runs over all artefacts and scales, found "
            f"{sum(runs.values())}, {runs[largest]} of them for '{largest}' at {scales} scale(s); "
            "shorten its lists, or plan parts of it in files of their own"
        )


def _is_shared(method: Method) -> bool:
    """Say whether a row has the implementation of another stanza."""
    return method.implementation is not None and not is_elsewhere(method.implementation)


def _require_shapes(where: str, scaled: ScaledDataset, facts: Dataset) -> None:
    patch, stride, axes = scaled.patch, scaled.steps, facts.dimensions
    if len(scaled.downsample) != AXES:
        raise InputError(f"{where}.downsample: expected {AXES} factors, found {scaled.downsample}")
    if len(patch) != axes or any(edge % HALVED for edge in patch):
        raise InputError(
            f"{where}.patch: expected {axes} multiples of {HALVED}, as networks halve a patch four times, found {patch}"
        )
    if axes == 2:
        if stride is not None:
            raise InputError(f"{where}.stride: expected none, as slices are predicted whole, found {stride}")
    elif stride is None or len(stride) != axes or any(step > edge for step, edge in zip(stride, patch, strict=True)):
        raise InputError(f"{where}.stride: expected {axes} steps of at most the patch {patch}, found {stride}")


def _require_method(config: Config, name: str, method: Method, patients: Mapping[str, int]) -> None:
    where = f"config: methods.{name}"
    stanza, implementation = implemented(config.methods, name, where)
    source = config.methods[stanza]
    places: list[Iterable[str]] = [method.labels, method.adapted, method.tuned, method.reconstructed, method.training]
    known = dict.fromkeys([*config.protocols, *(name for scale in config.scales.values() for name in scale.datasets)])
    for dataset in (dataset for place in places for dataset in place):
        lookup(known, dataset, "data set", where)
    tuned = [(dataset, budget, params) for dataset, of in method.tuned.items() for budget, params in of.items()]
    for dataset, budget, _ in tuned:
        if budget > patients.get(dataset, budget):
            raise InputError(
                f"{where}.tuned.{dataset}: expected budgets of up to {patients[dataset]} patients, found {budget}"
            )
    for layer in [method.params, *method.adapted.values(), *(params for *_, params in tuned)]:
        require_names(implementation, layer, where)
    missing = [key for key in declaration(implementation).names if key not in source.params]
    if missing:
        raise InputError(
            f"config: methods.{stanza}.params: expected a value for every hyper-parameter, found none for "
            f"{', '.join(missing)}"
        )
    for layer in [{}, method.params, *method.adapted.values(), *(params for *_, params in tuned)]:
        require_params(implementation, source.params | layer, where)
