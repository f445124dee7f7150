"""`dmd step`: what the rules of the workflow call, a step each."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from dmd.errors import InputError, lookup
from dmd.terminal.options import (
    PROJECT,
    RUNS,
    Artefacts,
    Configuration,
    Device,
    Folder,
    Methods,
    Results,
    Runs,
    between_commas,
)

app = App(name="step", help="What the rules of the workflow call, in its order.", sort_key=100)

Description = Annotated[Path, Parameter(help="JSON that `dmd step describe` wrote.")]
Store = Annotated[Path, Parameter(help="The prepared data set.")]
Picture = Annotated[Path, Parameter(help=".png; .svg and .csv are written beside it.")]


def step(example: str) -> Callable[..., Any]:
    """Return a decorator that adds a step whose help ends with an example."""
    return app.command(sort_key=len([*app]), help_epilogue=f"Example: dmd step {example}")


@step("describe la-2x2x2")
def describe(name: str, /, *, results: Results = RUNS.parent, configuration: Configuration = PROJECT) -> None:
    """Write down what a name stands for, made from the configuration.

    Parameters
    ----------
    name : str
        A run (la-8-dmd-08a39383), a store (la-2x2x2) or an artefact (half/table3).
    """
    from dmd.planning.describe import write

    checked, made = configuration.plan()
    print(write(name, made, checked, results))


@step("download la results/raw/la")
def download(dataset: str, folder: Path, /, *, configuration: Configuration = PROJECT) -> None:
    """Fetch a data set from its public archive.

    Parameters
    ----------
    dataset : str
        Its name in config/datasets.yaml.
    folder : Path
        Where it is put.
    """
    from dmd.data.download import download

    download(lookup(configuration.check().datasets, dataset, "data set", "the configuration").model_dump(), folder)


@step("prepare results/data/la-2x2x2.json /data/la results/data/la-2x2x2.h5")
def prepare(description: Description, source: Path, output: Path, /) -> None:
    """Make one checked store of a data set.

    Parameters
    ----------
    source : Path
        Folder with the public copy.
    output : Path
        The store, .h5.
    """
    from dmd.data.prepare import prepare

    prepare(_read(description), source, output)


@step("check la-2x2x2.json la-2x2x2.h5 la-2x2x2.check.json la-2x2x2.png")
def check(description: Description, store: Store, summary: Path, mosaic: Path, /) -> None:
    """Refuse a store that is not what it should be, draw it.

    Parameters
    ----------
    summary : Path
        What was found, .json.
    mosaic : Path
        A picture of every case, .png.
    """
    from dmd.data.check import check
    from dmd.files import write_json
    from dmd.report.mosaic import mosaic as draw

    write_json(summary, check(store, _read(description)))
    draw(store, mosaic)


@step("train results/runs/la-8-dmd-08a39383 --store results/data/la-1x1x1.h5")
def train(
    run: Folder,
    /,
    *,
    store: Store,
    device: Device = "auto",
    save_every: Annotated[int, Parameter(validator=Number(gte=1))] = 100,
    track: str | None = None,
    artefacts: Artefacts = "",
    methods: Methods = "",
) -> None:
    """Train a run, going on from its state; status 3 if it diverges.

    Parameters
    ----------
    save_every : int
        Steps between saved states.
    track : str
        Tracking server that shows the run while it trains.
    """
    from dmd.data.store import digest
    from dmd.devices import choose_device
    from dmd.runs.folder import RunFolder
    from dmd.tracking.launch import followed
    from dmd.training.attempt import DivergedError
    from dmd.training.loop import train
    from dmd.training.provenance import provenance

    follower: AbstractContextManager[Callable[[int], None]] = nullcontext(lambda size: None)
    if track:
        implementation = RunFolder(run).read_spec().training["method"]["implementation"]
        facts = provenance(choose_device(device), implementation) | {"data_sha256": digest(store)}
        follower = followed(run, track, "--artefacts", artefacts, "--methods", methods, "--facts", json.dumps(facts))
    try:
        with follower as saved:
            train(RunFolder(run), store, device, save_every, saved)
    except DivergedError as error:
        print(f"dmd step train: {error}", file=sys.stderr)
        raise SystemExit(3) from None


@step("test results/runs/la-8-dmd-08a39383 --store results/data/la-1x1x1.h5")
def test(run: Folder, /, *, store: Store, device: Device = "auto") -> None:
    """Segment the test cases with a trained run and measure the segmentations."""
    from dmd.runs.folder import RunFolder
    from dmd.testing.evaluation import evaluate_run
    from dmd.testing.prediction import predict

    predict(RunFolder(run), store, device)
    evaluate_run(RunFolder(run), store)


@step("table results/half/table3.json --output results/half/table3.csv")
def table(description: Description, /, *, output: Path, runs: Runs = RUNS) -> None:
    """Make a table from the runs behind it.

    Parameters
    ----------
    output : Path
        .csv; .md and .tex are written beside it.
    """
    from dmd.report.tables import write_table

    write_table(description, runs, output)


@step("curve results/half/fig4.json --output results/half/fig4.png")
def curve(description: Description, /, *, output: Picture, runs: Runs = RUNS) -> None:
    """Draw test scores over a hyper-parameter."""
    from dmd.report.curves import write_curve

    write_curve(description, runs, output)


@step("panel results/half/fig2.json --store results/data/la-2x2x2.h5 --output results/half/fig2.png")
def panel(
    description: Description, /, *, store: Store, output: Picture, runs: Runs = RUNS, device: Device = "auto"
) -> None:
    """Draw what trained networks do on the unlabelled scans."""
    from dmd.report.panels.write import write_panel

    write_panel(description, runs, store, output, device)


@step("track-server sqlite:///results/mlflow.db")
def track_server(uri: str, /) -> None:
    """Make the database of the tracking server, once, or see that a server answers.

    Parameters
    ----------
    uri : str
        Of SQLite, or of an MLflow server.
    """
    from dmd.tracking.server import make_store

    make_store(uri)


@step("follow results/runs/la-8-dmd-08a39383 --uri sqlite:///results/mlflow.db <<< 4711")
def follow(
    run: Folder,
    /,
    *,
    uri: str,
    facts: str = "{}",
    every: float = 30,
    artefacts: Artefacts = "",
    methods: Methods = "",
) -> None:
    """Send to MLflow what standard input says is saved; `dmd step train --track` starts this.

    Parameters
    ----------
    uri : str
        Tracking server.
    facts : str
        JSON of device, commit and data_sha256.
    every : float
        Seconds between two passes.
    """
    os.nice(10)  # before the imports: 3 s of computing, which at 19 beside busy cores would take minutes
    from dmd.runs.folder import RunFolder
    from dmd.tracking.follow import follow

    follow(RunFolder(run), uri, between_commas(artefacts), between_commas(methods), json.loads(facts), every)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"expected a JSON description at {path}: {error}") from None
