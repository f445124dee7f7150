"""What each subcommand of `dmd` does with its options; the docstrings are their help.

Modules are imported by the subcommand that needs them, so that `dmd plan` starts without torch.
"""

import json
import os
import sys
from argparse import Namespace as Options
from contextlib import nullcontext
from pathlib import Path

from dmd.errors import InputError
from dmd.planning import config, identity, reading

RUNS = Path("results/runs")


def plan(options: Options) -> None:
    """Print the runs, who wants each, how far it is and how long the rest will take."""
    from dmd.planning import plan
    from dmd.terminal import cost
    from dmd.terminal.plan import find, orphans, show

    checked = config.check(reading.read(Path("config"), *options.configfile))
    made = plan.make(checked)
    runs = find(made, options.find, options.scale)
    if options.slurm:
        return cost.show(runs, made, checked, RUNS.parent)
    if not options.json and orphans(made, RUNS):
        print(f"in {RUNS} but in no plan: {', '.join(orphans(made, RUNS))}")
    show(runs, RUNS, cost.step_times(RUNS, cost.MEASURED), as_json=options.json)


def show(options: Options) -> None:
    """Print settings, loss, test scores and cost of a run."""
    from dmd.runs.folder import find_run
    from dmd.terminal import cost
    from dmd.terminal.show import show

    run = find_run(options.run, options.runs)
    dataset = config.check(reading.read()).datasets.get(run.read_spec().training["dataset"]["name"])
    show(run, cost.step_times(options.runs, cost.MEASURED), dataset and dataset.classes)


def predict(options: Options) -> None:
    """Segment a scan of your own with a trained run."""
    from dmd.runs.folder import find_run
    from dmd.testing.prediction import predict_scan

    datasets = config.check(reading.read(Path("config"), *options.configfile)).datasets
    run = find_run(options.run, options.runs)
    found = predict_scan(run, options.scan, options.out, datasets, options.device, prepared=options.prepared)
    print(f"{options.out}: " + ", ".join(f"{name} {millilitres:.1f} ml" for name, millilitres in found.items()))


def describe(options: Options) -> None:
    """Write a description that the workflow planned."""
    from dmd.files import write_json

    write_json(options.output, json.loads(options.content))


def download(options: Options) -> None:
    """Fetch a data set from its public archive."""
    from dmd.data.download import download

    download(json.loads(options.facts), options.folder)


def prepare(options: Options) -> None:
    """Make one checked store of a data set."""
    from dmd.data.prepare import prepare

    prepare(_read_json(options.description), options.source, options.output)


def check(options: Options) -> None:
    """Refuse a store that is not what it should be, draw it."""
    from dmd.data.check import check
    from dmd.files import write_json
    from dmd.report.mosaic import mosaic

    description = _read_json(options.description)
    write_json(options.summary, check(options.store, description))
    mosaic(options.store, options.mosaic)


def train(options: Options) -> None:
    """Train a run, going on from its state."""
    from dmd.data.store import digest
    from dmd.devices import choose_device
    from dmd.runs.folder import RunFolder
    from dmd.tracking.launch import followed
    from dmd.training.attempt import DivergedError
    from dmd.training.loop import train
    from dmd.training.provenance import provenance

    follower = nullcontext(lambda size: None)
    if options.track:
        implementation = RunFolder(options.run).read_spec().training["method"]["implementation"]
        facts = provenance(choose_device(options.device), implementation) | {"data_sha256": digest(options.store)}
        known = ("--artefacts", options.artefacts, "--methods", options.methods, "--facts", json.dumps(facts))
        follower = followed(options.run, options.track, *known)
    try:
        with follower as saved:
            train(RunFolder(options.run), options.store, options.device, options.save_every, saved)
    except DivergedError as error:
        print(f"dmd train: {error}", file=sys.stderr)
        raise SystemExit(3) from None


def predict_test(options: Options) -> None:
    """Segment the test cases with a trained run."""
    from dmd.runs.folder import RunFolder
    from dmd.testing.prediction import predict

    predict(RunFolder(options.run), options.store, options.device)


def evaluate(options: Options) -> None:
    """Measure the segmentations of a run."""
    from dmd.runs.folder import RunFolder
    from dmd.testing.evaluation import evaluate_run

    evaluate_run(RunFolder(options.run), options.store)


def table(options: Options) -> None:
    """Make a table from the runs behind it."""
    from dmd.report.tables import write_table

    write_table(options.description, options.runs, options.output)


def compare(options: Options) -> None:
    """Print how two runs differ on the same test patients."""
    from dmd.runs.folder import find_run
    from dmd.terminal.compare import say_pair

    print(say_pair(*(find_run(run, options.runs) for run in options.run)))


def curve(options: Options) -> None:
    """Draw test scores over a hyper-parameter."""
    from dmd.report.curves import write_curve

    write_curve(options.description, options.runs, options.output)


def panel(options: Options) -> None:
    """Draw what trained networks do on the unlabelled scans."""
    from dmd.report.panels.write import write_panel

    write_panel(options.description, options.runs, options.store, options.output, options.device)


def report(options: Options) -> None:
    """Make one page of everything that a scale has."""
    from dmd.planning import plan
    from dmd.planning.describe import read_any
    from dmd.report.page.write import write_page

    if options.descriptions:
        artefacts = [read_any(path) for path in options.descriptions]
    else:
        checked = config.check(reading.read(Path("config"), *options.configfile))
        artefacts = plan.make(checked).of_scale(options.scale or checked.scale)
    output = options.output or options.results / f"{identity.artefact_name('report', artefacts[0].scale)}.html"
    write_page(artefacts, options.results, output)
    print(output)


def track_store(options: Options) -> None:
    """Make the tracking store, once."""
    from dmd.tracking.server import make_store

    make_store(options.uri)


def track(options: Options) -> None:
    """Mirror runs in MLflow."""
    from dmd.runs.folder import RunFolder
    from dmd.tracking.mirror import track_run

    track_run(RunFolder(options.run), _store(options), *_names(options), options.attempt)


def follow(options: Options) -> None:
    """Send to MLflow what standard input says is saved; `dmd train --track` starts this."""
    os.nice(10)  # before the imports: 3 s of computing, which at 19 beside busy cores would take minutes
    from dmd.runs.folder import RunFolder
    from dmd.tracking.follow import follow

    follow(RunFolder(options.run), options.uri, *_names(options), json.loads(options.facts), options.every)


def ui(options: Options) -> None:
    """Show the runs in MLflow."""
    from dmd.tracking.view import view

    view(_store(options), options.artefact, options.host, options.port, browser=not options.no_browser)


def _store(options: Options) -> str:
    return options.uri or config.check(reading.read()).tracking.store


def _names(options: Options) -> tuple[list[str], list[str]]:
    artefacts, methods = (list(filter(None, names.split(","))) for names in (options.artefacts, options.methods))
    return artefacts, methods


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"expected a JSON description at {path}: {error}") from None
