"""`dmd step`: what the rules of the workflow call, a step each."""

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from dmd.errors import lookup
from dmd.planning.describe import read_json, write
from dmd.terminal.failure import noted
from dmd.terminal.options import PROJECT, RESULTS, Artefacts, Attempt, Configuration, Device, Folder, Methods, Results
from dmd.terminal.options import between_commas as names_in
from dmd.terminal.work import find_work

app = App(name="step", help="What the rules of the workflow call, in its order.", sort_key=100)

Name = Annotated[str, Parameter(help="Of a planned artefact: half/table3.")]
StoreName = Annotated[str, Parameter(help="Of a planned store: la-2x2x2.")]
RunOrFolder = Annotated[str, Parameter(help="Id of a planned run, or a folder with its spec.json.")]
Track = Annotated[bool, Parameter(help="Show the run in MLflow.")]


def step(example: str) -> Callable[..., Any]:
    """Return a decorator that adds a step whose help ends with an example."""
    return app.command(sort_key=len([*app]), help_epilogue=f"Example: dmd step {example}")


@step("describe la-2x2x2")
def describe(name: str, /, *, results: Results = RESULTS, configuration: Configuration = PROJECT) -> None:
    """Write down what a name stands for, made from the configuration; every step does so with its own.

    Parameters
    ----------
    name : str
        A run (la-8-dmd-b8031fc709), a store (la-2x2x2) or an artefact (half/table3).
    """
    print(write(name, *configuration.plan(), results))


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


@step("prepare la-2x2x2 /data/la")
def prepare(
    store: StoreName,
    source: Path,
    /,
    *,
    attempt: Attempt = 1,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Make one store of a data set.

    Parameters
    ----------
    source : Path
        Folder with the public copy.
    """
    with noted(results, "prepare", store, attempt):
        from dmd.data.prepare import prepare

        description = write(store, *configuration.plan(), results)
        prepare(read_json(description), source, description.with_suffix(".h5"))


@step("check la-2x2x2")
def check(
    store: StoreName,
    /,
    *,
    attempt: Attempt = 1,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Refuse a store that is not what it should be, and sum it up."""
    with noted(results, "check", store, attempt):
        from dmd.data.check import check
        from dmd.files import write_json

        description = write(store, *configuration.plan(), results)
        found = check(description.with_suffix(".h5"), read_json(description))
        write_json(description.with_suffix(".check.json"), found)


@step("mosaic la-2x2x2")
def mosaic(store: StoreName, /, *, results: Results = RESULTS, configuration: Configuration = PROJECT) -> None:
    """Draw cases of a store, to be looked at: .png."""
    from dmd.report.mosaic import mosaic

    description = write(store, *configuration.plan(), results)
    mosaic(description.with_suffix(".h5"), description.with_suffix(".png"))


@step("train la-8-dmd-b8031fc709")
def train(
    run: RunOrFolder,
    /,
    *,
    store: Path | None = None,
    device: Device = "auto",
    save_every: Annotated[int, Parameter(help="Steps between saved states.", validator=Number(gte=1))] = 100,
    track: Track = False,
    attempt: Attempt = 1,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Train a run, going on from its state; status 3 if it diverges.

    Parameters
    ----------
    store : Path
        The prepared data set; left out, the one of the run.
    """
    with noted(results, "train", Path(run).name, attempt):
        from dmd.data.store import digest
        from dmd.devices import choose_device
        from dmd.tracking.launch import followed
        from dmd.training.loop import train
        from dmd.training.provenance import provenance

        work = find_work(run, store, results, configuration)
        follower: Any = nullcontext(lambda size: None)
        if track:
            kind = work.folder.read_spec().training["method"]["implementation"]
            who = provenance(choose_device(device), kind) | {"data_sha256": digest(work.store), "process": os.getpid()}
            follower = followed(work.folder.path, work.uri, *work.names, "--facts", json.dumps(who))
        with follower as saved:
            train(work.folder, work.store, device, save_every, saved, kept=work.kept)


@step("test la-8-dmd-b8031fc709")
def test(
    run: RunOrFolder,
    /,
    *,
    store: Path | None = None,
    device: Device = "auto",
    track: Track = False,
    attempt: Attempt = 1,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Segment the test cases with a trained run and measure the segmentations.

    Parameters
    ----------
    store : Path
        The prepared data set; left out, the one of the run.
    """
    with noted(results, "test", Path(run).name, attempt):
        from dmd.testing.evaluation import evaluate_run
        from dmd.testing.prediction import predict

        work = find_work(run, store, results, configuration)
        predict(work.folder, work.store, device)
        evaluate_run(work.folder, work.store)
        if track:
            from dmd.tracking.sweep import send

            send(work.folder, work.uri, work.artefacts, work.methods)


@step("table half/table3")
def table(name: Name, /, *, results: Results = RESULTS, configuration: Configuration = PROJECT) -> None:
    """Make a table from the runs behind it: .csv, .md, .tex, and its comparison, ranks, claims and pictures beside."""
    from dmd.report.beside import write_table_and_pictures

    description = write(name, *configuration.plan(), results)
    write_table_and_pictures(description, results / "runs", description.with_suffix(".csv"))


@step("curve half/fig4")
def curve(name: Name, /, *, results: Results = RESULTS, configuration: Configuration = PROJECT) -> None:
    """Draw test scores over a hyper-parameter: .png, .svg, .csv."""
    from dmd.report.curves import write_curve

    description = write(name, *configuration.plan(), results)
    write_curve(description, results / "runs", description.with_suffix(".png"))


@step("panel half/fig2")
def panel(
    name: Name,
    /,
    *,
    device: Device = "auto",
    attempt: Attempt = 1,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Draw what trained networks do on the unlabelled scans: .png, .svg, .csv, .pixels.csv."""
    with noted(results, "panel", name, attempt):
        from dmd.report.panels.write import write_panel

        config, made = configuration.plan()
        description = write(name, config, made, results)
        store = results / "data" / f"{made.runs[made.artefacts[name].runs[0]].store}.h5"
        write_panel(description, results / "runs", store, description.with_suffix(".png"), device)


@step("follow results/runs/la-8-dmd-b8031fc709 --uri sqlite:///results/mlflow.db <<< 4711")
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
        JSON of device, commit, data_sha256 and the training's process.
    every : float
        Seconds between two passes.
    """
    os.nice(10)  # before the imports: 3 s of computing, which at 19 beside busy cores would take minutes
    from dmd.runs.folder import RunFolder
    from dmd.tracking.follow import follow

    follow(RunFolder(run), uri, names_in(artefacts), names_in(methods), json.loads(facts), every)
