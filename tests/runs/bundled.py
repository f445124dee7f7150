"""Whole runs, made by hand: what training and test leave, vouched for."""

import csv

import numpy as np
from report.made import shifted, write_cases

from dmd.runs.folder import RunFolder
from dmd.runs.vouching import vouch

TERMS = ("supervised_1", "supervised_2", "consistency", "distillation", "adversarial")


def write_history(run: RunFolder, steps: int, *, looks: int | None = None) -> None:
    """Write a history as a training does: terms that were float32, their sum, and now and then a validation."""
    random = np.random.default_rng(0)
    with run.history_table.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "loss", *TERMS, "learning_rate", *["validation_dice"] * bool(looks)])
        for step in range(1, steps + 1):
            terms = [float(np.float32(value)) for value in random.random(len(TERMS)) / step**0.5]
            dice = [repr(1 - 1 / step) if step % looks == 0 else ""] if looks else []
            writer.writerow([step, *map(repr, [sum(terms), *terms, 0.01 if step < 2500 else 0.001]), *dice])


def make_whole(run: RunFolder, steps: int = 5, *, looks: int | None = None) -> RunFolder:
    """Write weights, history, scores, a patch and the two records."""
    write_history(run, steps, looks=looks)
    run.weights.write_bytes(bytes(range(256)) * 10)
    run.changes(1).write_text("--- a\n+++ b\n")
    write_cases(run, shifted(0))
    attempts = [{"first_step": 1, "changes": run.changes(1).name}]
    facts = {"steps": steps, "wall_seconds": 1.5, "seconds_per_step": 0.3, "peak_memory_mb": 9, "attempts": attempts}
    facts |= {"device": "cpu", "host": "there", "threads": 1, "commit": "0123abcd", "data_sha256": "5eed" * 16}
    vouch(run, run.facts, facts, [run.weights, run.history_table])
    vouch(run, run.test, {"testing": run.read_spec().testing}, [run.weights, run.cases])
    return run
