"""A results folder in the middle of things: some runs are evaluated, one trains, the others are missing."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from records import vouch_for

from dmd.data.store import Case, write_store
from dmd.files import checksum
from dmd.planning import plan
from dmd.planning.identity import store_name
from dmd.report.style import our_style, publish
from dmd.report.tables import write_table as write_scores
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, write_table
from dmd.testing.label_maps import write_predictions

from .made import describe, line, write_cases

SHAPE = (12, 10, 4)
DICE = {"supervised": (0.5, 0.6, 0.7), "cps": (0.2, 0.8, 0.8), "mcnet": (0.9, 0.9, 0.6)}  # of the cases a, b, c


def make(folder: Path, planned: plan.Plan) -> None:
    """Table 3 at scale `smoke`: V-Net, CPS and MC-Net are evaluated, DML trains, DMD is missing; Fig. 2 is drawn."""
    rows = {row.method: row for row in planned.artefacts["smoke/table3"].rows}
    for method, dice in DICE.items():
        _evaluate(_train(folder, planned, rows[method].runs[0]), dice)
    with History(_run(folder, planned, rows["dml"].runs[0]).history) as history:
        history.append(1, {"loss": 2.0, "learning_rate": 0.01})
    _store(folder, planned.runs[rows["cps"].runs[0]].spec.training["dataset"])
    with our_style():
        figure = Figure(figsize=(5, 3), layout="constrained")
        figure.subplots().plot([0, 1], [1, 0])
    publish(figure, "Scale 'smoke'. Pseudo labels.", ["la-8-cps-0000000000"], folder / "smoke" / "fig2.png")


def evaluated_table(results: Path, planned: plan.Plan, name: str = "smoke/table3") -> Path:
    """Evaluate what is missing of a table with 8 cases each and make the table; return its CSV."""
    for place, row in enumerate(planned.artefacts[name].rows):
        for seed, run in enumerate(row.runs):
            dice = tuple(0.5 + 0.01 * place * (case + 1) + 0.001 * seed for case in range(8))
            _evaluate(_train(results, planned, run), dice)
    path = results / f"{name}.csv"
    write_scores(describe(results, planned.artefacts[name]), results / "runs", path)
    return path


def _run(results: Path, planned: plan.Plan, name: str) -> RunFolder:
    run = RunFolder(results / "runs" / name)
    run.write_spec(planned.runs[name].spec)
    return run


def _train(results: Path, planned: plan.Plan, name: str) -> RunFolder:
    run = _run(results, planned, name)
    with History(run.history) as history:
        for step in range(1, 61):
            history.append(step, {"loss": 3 / step, "supervised": 2 / step, "x": 1 / step, "learning_rate": 0.01})
    write_table(run.history, run.history_table)
    facts = {"device": "cpu", "wall_seconds": 90.0, "seconds_per_step": 1.5, "peak_memory_mb": 700, "attempts": [{}]}
    run.weights.touch()
    vouch_for(run, **facts, commit="0123abcd")
    return run


def _evaluate(run: RunFolder, dice: tuple[float, ...]) -> None:
    scored = [(case, value, value / (2 - value)) for case, value in zip("abcdefgh", dice, strict=False)]
    write_cases(run, [line(case, 1, value, jaccard, 4.5, 1.25) for case, value, jaccard in scored])
    maps = {case: np.zeros(SHAPE, np.uint8) for case in "abc"}
    for place, labels in enumerate(maps.values()):
        labels[2 : 6 + place, 3:8, 1:3] = 1
    write_predictions(run, run.read_spec().testing, maps.items(), checksum(run.weights))
    vouch_for(run)


def _store(results: Path, identity: dict) -> None:
    label = np.zeros(SHAPE, np.uint8)
    label[2:9, 3:8, 1:3] = 1
    image = np.arange(label.size, dtype=np.float32).reshape(SHAPE)
    cases = [Case(name, name, image, label, (1.0, 1.0, 1.0)) for name in "abc"]
    (results / "data").mkdir(parents=True)
    path = results / "data" / f"{store_name(identity)}.h5"
    write_store(path, identity, ["background", "object"], {"test": list("abc")}, cases)
