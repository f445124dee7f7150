"""The `dmd` command: one subcommand for every rule of the workflow, and `plan` for people.

Modules are imported by the subcommand that needs them, so that `dmd plan` starts without torch.
"""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from dmd.config import TRACKING_URI
from dmd.errors import InputError

# A disk that is full, over quota or not to be written to.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; bad input ends with a message and status 2, a diverged training with 3, a disk with 4."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"dmd {options.name}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in DISK:
            raise
        print(
            f"dmd {options.name}: {error.strerror}: {error.filename or 'a file of the run'}. What was written before "
            "is whole. Make room, or the folder writable, and repeat the command: it goes on from there",
            file=sys.stderr,
        )
        return 4
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dmd", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(name: str, command: Callable, summary: str, example: str) -> argparse.ArgumentParser:
        entry = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example: {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        entry.set_defaults(command=command)
        return entry

    plan = add("plan", _plan, "print the runs, who wants each and what exists", "dmd plan --scale half")
    plan.add_argument("find", nargs="*", help="key=value settings that a run must have, e.g. method=dmd temperature=2")
    plan.add_argument("--scale", help="only runs of this scale (default: all)")
    plan.add_argument("--configfile", type=Path, action="append", default=[], help="your own configuration")
    plan.add_argument("--json", action="store_true", help="machine-readable")
    plan.add_argument("--slurm", action="store_true", help="what a submission would cost: jobs, hours, longest chain")

    describe = add("describe", _describe, "write a description that the workflow planned", "dmd describe '{}' x.json")
    describe.add_argument("content")
    describe.add_argument("output", type=Path)

    download = add(
        "download", _download, "fetch a data set from its public archive", "dmd download '{...}' results/raw/la"
    )
    download.add_argument("facts", help="JSON of the data set's stanza in config/datasets.yaml")
    download.add_argument("folder", type=Path)

    prepare = add(
        "prepare",
        _prepare,
        "make one checked store of a data set",
        "dmd prepare results/data/la-2x2x2.json /data/la la.h5",
    )
    prepare.add_argument("description", type=Path)
    prepare.add_argument("source", type=Path, help="folder with the public copy")
    prepare.add_argument("output", type=Path)

    check = add(
        "check", _check, "refuse a store that is not what it should be, draw it", "dmd check d.json s.h5 c.json m.png"
    )
    check.add_argument("description", type=Path)
    check.add_argument("store", type=Path)
    check.add_argument("summary", type=Path)
    check.add_argument("mosaic", type=Path)

    for name, command, summary in (
        ("train", _train, "train a run, going on from its state"),
        ("predict", _predict, "segment the test cases with a trained run"),
        ("evaluate", _evaluate, "measure the segmentations of a run"),
    ):
        entry = add(
            name, command, summary, f"dmd {name} results/runs/la-8-dmd-08a39383 --store results/data/la-1x1x1.h5"
        )
        entry.add_argument("run", type=Path, help="folder of the run, with its spec.json")
        entry.add_argument("--store", type=Path, required=True)
        if name != "evaluate":
            entry.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
        if name == "train":
            entry.add_argument("--save-every", type=int, default=100, help="steps between saved states (default: 100)")
            entry.add_argument("--track", metavar="URI", help="tracking store that shows the run while it trains")
            _add_names(entry)

    table = add("table", _table, "make a table from the runs behind it", "dmd table results/table3.json --output t.csv")
    table.add_argument("description", type=Path)
    table.add_argument("--runs", type=Path, default=Path("results/runs"))
    table.add_argument("--output", type=Path, required=True, help=".csv; .md and .tex are written beside it")

    compare = add(
        "compare",
        _compare,
        "print how two runs differ on the same test patients",
        "dmd compare la-8-cps-606e3192 la-8-dmd-fe199d99",
    )
    compare.add_argument("run", nargs=2, help="name of a run, or its folder; differences are first minus second")
    compare.add_argument("--runs", type=Path, default=Path("results/runs"))

    for name, command, summary in (
        ("curve", _curve, "draw test scores over a hyper-parameter"),
        ("panel", _panel, "draw what trained networks do on the unlabelled scans"),
    ):
        entry = add(name, command, summary, f"dmd {name} results/fig.json --output results/fig.png")
        entry.add_argument("description", type=Path)
        entry.add_argument("--runs", type=Path, default=Path("results/runs"))
        entry.add_argument("--output", type=Path, required=True, help=".png; .svg and .csv are written beside it")
        if name == "panel":
            entry.add_argument("--store", type=Path, required=True)
            entry.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")

    report = add("report", _report, "make one page of everything that a scale has", "dmd report --scale half")
    report.add_argument("descriptions", nargs="*", type=Path, help="JSON of artefacts (default: all of the scale)")
    report.add_argument("--scale", help="default: the one in config/config.yaml")
    report.add_argument("--configfile", type=Path, action="append", default=[], help="your own configuration")
    report.add_argument("--results", type=Path, default=Path("results"))
    report.add_argument("--output", type=Path, help="default: report.html beside the artefacts")

    store = add(
        "track-store", _track_store, "make the tracking store, once", "dmd track-store sqlite:///results/mlflow.db"
    )
    store.add_argument("uri")

    track = add("track", _track, "mirror runs in MLflow", "dmd track results/runs/la-8-dmd-08a39383 --artefacts table3")
    track.add_argument("run", type=Path)
    track.add_argument("--uri", default=TRACKING_URI)
    track.add_argument("--attempt", type=int, default=0, help="noted in tracked.json (default: 0)")
    _add_names(track)

    follow = add(
        "follow",
        _follow,
        "what `dmd train --track` starts: send to MLflow what standard input says is saved",
        "dmd follow results/runs/la-8-dmd-08a39383 <<< 4711",
    )
    follow.add_argument("run", type=Path)
    follow.add_argument("--uri", default=TRACKING_URI)
    _add_names(follow)

    view = add("ui", _ui, "show the runs in MLflow", "dmd ui half/table3")
    view.add_argument("artefact", nargs="?", default="", help="only the runs of this artefact")
    view.add_argument("--uri", default=TRACKING_URI)
    view.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    view.add_argument("--port", type=int, default=5000, help="default: 5000")
    view.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--artefacts", default="", help="comma separated names of the artefacts that use the run")
    parser.add_argument("--methods", default="", help="comma separated names that they give its method")


def _plan(options: argparse.Namespace) -> None:
    from dmd import config, cost, plan
    from dmd.overview import find, orphans, show

    checked = config.check(config.read(Path("config"), *options.configfile))
    made = plan.make(checked)
    folder = Path("results/runs")
    if options.slurm:
        return cost.show(find(made, options.find, options.scale), made, checked, folder.parent)
    show(find(made, options.find, options.scale), folder, as_json=options.json)
    if not options.json and orphans(made, folder):
        print(f"in {folder} but in no plan: {', '.join(orphans(made, folder))}")


def _describe(options: argparse.Namespace) -> None:
    from dmd.files import write_json

    write_json(options.output, json.loads(options.content))


def _download(options: argparse.Namespace) -> None:
    from dmd.data.download import download

    download(json.loads(options.facts), options.folder)


def _prepare(options: argparse.Namespace) -> None:
    from dmd.data.prepare import prepare

    prepare(_read_json(options.description), options.source, options.output)


def _check(options: argparse.Namespace) -> None:
    from dmd.data.check import check
    from dmd.files import write_json
    from dmd.report.mosaic import mosaic

    description = _read_json(options.description)
    write_json(options.summary, check(options.store, description))
    mosaic(options.store, options.mosaic)


def _train(options: argparse.Namespace) -> None:
    from dmd.rundir import RunDir
    from dmd.tracking.launch import followed
    from dmd.training import DivergedError, train

    names = ("--artefacts", options.artefacts, "--methods", options.methods)
    follower = followed(options.run, options.track, *names) if options.track else nullcontext(lambda size: None)
    try:
        with follower as saved:
            train(RunDir(options.run), options.store, options.device, options.save_every, saved)
    except DivergedError as error:
        print(f"dmd train: {error}", file=sys.stderr)
        raise SystemExit(3) from None


def _predict(options: argparse.Namespace) -> None:
    from dmd.prediction import predict
    from dmd.rundir import RunDir

    predict(RunDir(options.run), options.store, options.device)


def _evaluate(options: argparse.Namespace) -> None:
    from dmd.evaluation import evaluate_run
    from dmd.rundir import RunDir

    evaluate_run(RunDir(options.run), options.store)


def _table(options: argparse.Namespace) -> None:
    from dmd.report.tables import write_table

    write_table(options.description, options.runs, options.output)


def _compare(options: argparse.Namespace) -> None:
    from dmd.report.pair import say_pair
    from dmd.rundir import RunDir

    print(say_pair(*(RunDir(Path(run) if "/" in run else options.runs / run) for run in options.run)))


def _curve(options: argparse.Namespace) -> None:
    from dmd.report.curves import write_curve

    write_curve(options.description, options.runs, options.output)


def _panel(options: argparse.Namespace) -> None:
    from dmd.report.panels import write_panel

    write_panel(options.description, options.runs, options.store, options.output, options.device)


def _report(options: argparse.Namespace) -> None:
    from dmd import config, plan
    from dmd.report.description import read_description
    from dmd.report.page.write import write_page

    if options.descriptions:
        artefacts = [read_description(path) for path in options.descriptions]
    else:
        checked = config.check(config.read(Path("config"), *options.configfile))
        artefacts = plan.make(checked).of_scale(options.scale or checked.scale)
    output = options.output or options.results / f"{plan.artefact_name('report', artefacts[0].scale)}.html"
    write_page(artefacts, options.results, output)
    print(output)


def _track_store(options: argparse.Namespace) -> None:
    from dmd.tracking.store import make_store

    make_store(options.uri)


def _track(options: argparse.Namespace) -> None:
    from dmd.rundir import RunDir
    from dmd.tracking.mirror import track_run

    track_run(RunDir(options.run), options.uri, *_names(options), options.attempt)


def _follow(options: argparse.Namespace) -> None:
    os.nice(10)  # before the imports: 3 s of computing, which at 19 beside busy cores would take minutes
    from dmd.rundir import RunDir
    from dmd.tracking.follow import follow

    follow(RunDir(options.run), options.uri, *_names(options))


def _ui(options: argparse.Namespace) -> None:
    from dmd.tracking.view import view

    view(options.uri, options.artefact, options.host, options.port, browser=not options.no_browser)


def _names(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    artefacts, methods = (list(filter(None, names.split(","))) for names in (options.artefacts, options.methods))
    return artefacts, methods


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"expected a JSON description at {path}: {error}") from None
