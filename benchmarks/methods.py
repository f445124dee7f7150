"""Train methods for a few hundred steps at scale `half` and print what a step of each costs.

    python benchmarks/methods.py --data la --labelled 8 --store results/data/la-2x2x2.h5 --folder costs dtc uamt

Each method trains in a process of its own with `dmd step train`, so a second call goes on where the first was stopped.
Seconds and memory are those of `run.json`; the Dice is the mean over the first test cases and the foreground classes,
of the network before and after training.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch

from dmd.data.store import Case, load_store
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning import config, plan, reading
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.testing.inference import predict_case
from dmd.testing.metrics import evaluate
from dmd.testing.prediction import load_predictor

CPU = torch.device("cpu")


def settings(dataset: str, labelled: int, method: str, steps: int, prefix: str = "half/") -> Spec:
    """Return the settings of a run at a scale that may be in no table, with another number of steps.

    ``prefix`` is that of the scale's tables, nothing for `paper`.
    """
    content = reading.read()
    block = {"dataset": dataset, "labelled": labelled, "method": method}
    content["artefacts"] = {"cost": {"kind": "table", "caption": "-", "columns": ["dice"], "runs": [block]}}
    content["build"] = ["cost"]
    made = plan.make(config.check(content))
    (row,) = made.artefacts[f"{prefix}cost"].rows
    spec = made.runs[row.runs[0]].spec
    return Spec(spec.training | {"iterations": steps}, spec.testing)


def dice(predictor: torch.nn.Module, cases: list[Case], spec: Spec) -> float:
    """Return the mean Dice in percent over cases and foreground classes."""
    scores = []
    for case in cases:
        labels = predict_case(predictor, case.image, spec.inference, CPU)
        foreground = range(1, spec.training["classes"])
        scores += [evaluate(labels == index, case.label == index).dice for index in foreground]
    return 100 * sum(scores) / len(scores)


def line(spec: Spec, name: str, store: Path, folder: Path, cases: int) -> str:
    """Train one method and return its line of the table."""
    run, training = RunFolder(folder / spec.id), spec.training
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_spec(spec)
    subprocess.run([sys.executable, "-m", "dmd", "step", "train", str(run.path), "--store", str(store)], check=True)
    facts = json.loads(run.facts.read_text())
    test = load_store(store, training["dataset"], parts=["test"]).cases("test")[:cases]
    torch.manual_seed(training["seed"])
    untrained = make(training["method"], Build.from_settings(training)).predictor
    before, after = (dice(predictor, test, spec) for predictor in (untrained, load_predictor(run, training, CPU)))
    cells = (name, f"{facts['seconds_per_step']:.2f}", f"{facts['peak_memory_mb']}", f"{before:.1f}", f"{after:.1f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--data", required=True, choices=("la", "acdc"))
    parser.add_argument("--labelled", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cases", type=int, default=4)
    options = parser.parse_args()

    torch.set_num_threads(1)
    print("| method | seconds per step | peak memory (MB) | Dice untrained | Dice trained |")
    print("| :-- | --: | --: | --: | --: |")
    for method in options.methods:
        spec = settings(options.data, options.labelled, method, options.steps)
        print(line(spec, method, options.store, options.folder, options.cases), flush=True)


if __name__ == "__main__":
    main()
