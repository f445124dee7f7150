"""Ask trained runs why they came out as they did: what their loss terms pull at, and what running averages cost.

    python benchmarks/why.py --store results/data/la-2x2x2.h5 la-8-dmd-c9a4cace99 la-8-dmd-a4596d4a1c

Writes two tables as CSV, from the states and snapshots that runs keep. `terms.csv`: the gradient of each loss term at
the end of the training, over fresh batches; its norm in units of the supervised one and its cosine to it.
`statistics.csv`: Dice of the predictor with the running averages of batch normalisation, with the statistics of each
batch of windows, and with averages estimated anew from training batches while the weights stand still; of the labelled
scans at every snapshot, of the others at the end. Windows overlap by half, in the precision of the run.
"""

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from dmd.data.batches import Batches
from dmd.data.store import Case, Store, load_store
from dmd.losses import probabilities
from dmd.methods.base import Method, class_probabilities
from dmd.report.learning import SUPERVISED
from dmd.runs.folder import RunFolder
from dmd.testing.inference import predict_case
from dmd.testing.metrics import mean_dice
from dmd.training import snapshots

CPU = torch.device("cpu")
SEEN = ("supervised", *SUPERVISED)  # how names of terms that see labels begin
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def batches_of(training: dict[str, Any], store: Store, method: Method) -> Batches:
    labelled = store.labelled(training["labelled"], training.get("draw", 0))
    return Batches(store, training, method.extras(labelled))


def gradient(term: Tensor, weights: list[Tensor]) -> Tensor:
    """Return the gradient of a term over all weights as one vector; 0 where it does not reach."""
    parts = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    flat = [torch.zeros_like(w) if part is None else part for part, w in zip(parts, weights, strict=True)]
    return torch.cat([part.flatten() for part in flat])


def terms(run: RunFolder, store: Store, count: int) -> Iterator[dict[str, Any]]:
    """Yield a line per term and batch, for batches that follow those of the training."""
    training = run.read_spec().training
    method = snapshots.load_trained(run, training, CPU)
    batches, last = batches_of(training, store, method), training["iterations"]
    method.train()
    weights = [weight for weight in method.parameters() if weight.requires_grad]
    for step in range(last, last + count):
        batch = batches[step]
        found = {name: gradient(term, weights) for name, term in method.losses(batch, last - 1).items()}
        supervised = sum(of for name, of in found.items() if name.startswith(SEEN))
        share = background(method, batch.images)
        for name, of in found.items():
            line = {"run": run.id, "term": name, "batch": step, "norm": of.norm().item()}
            line |= {"share": (of.norm() / supervised.norm()).item()}
            line |= {"cosine": torch.nn.functional.cosine_similarity(of, supervised, dim=0).item()}
            yield line | share


@torch.no_grad()
def background(method: Method, images: Tensor) -> dict[str, float]:
    """Return the share of DMD's Dice denominator that lies where both networks say background."""
    if not hasattr(method, "peers") or not hasattr(method.params, "temperature"):
        return {}
    peers = method.peers(images)
    softened = [probabilities(logits, method.params.temperature).square() for logits in peers]
    both = torch.stack([class_probabilities(logits).argmax(dim=1) == 0 for logits in peers]).all(dim=0)
    squares = sum(softened).sum(dim=1)  # of every channel that the distance has: two classes are one
    return {"denominator_on_background": (squares[both].sum() / squares.sum()).item()}


def with_batch_statistics(predictor: nn.Module) -> nn.Module:
    """Return a copy that normalises by each batch, also in evaluation mode."""
    predictor = copy.deepcopy(predictor)
    for layer in (layer for layer in predictor.modules() if isinstance(layer, NORMS)):
        layer.running_mean = layer.running_var = None
    return predictor


@torch.no_grad()
def re_estimated(predictor: nn.Module, batches: Batches, first: int, count: int) -> nn.Module:
    """Return a copy whose averages are plain means over training batches, its weights as they are."""
    predictor = copy.deepcopy(predictor).eval()
    for layer in (layer for layer in predictor.modules() if isinstance(layer, NORMS)):
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    for step in range(first, first + count):
        predictor(batches[step].images)
    return predictor.eval()


def dice(predictor: nn.Module, cases: list[Case], settings: dict[str, Any], classes: int) -> float:
    found = [mean_dice(predict_case(predictor, case.image, settings, CPU), case.label, classes) for case in cases]
    return 100 * sum(found) / len(found)


def statistics(run: RunFolder, store: Store, count: int, parts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a line per snapshot for the labelled cases, and one for each other part at the end."""
    spec = run.read_spec()
    training, last = spec.training, spec.training["iterations"]
    cases = {"labelled": store.labelled(training["labelled"], training.get("draw", 0))}
    cases |= {part: store.cases(part) for part in parts}
    settings = spec.inference | {"stride": [edge // 2 for edge in training["patch"]]}
    batches = batches_of(training, store, snapshots.load_trained(run, training, CPU))
    for step in [*snapshots.steps(last), last]:
        running = snapshots.load_snapshot(run, training, step, CPU)
        forms = {"running": running, "batch": with_batch_statistics(running)}
        forms |= {"re_estimated": re_estimated(running, batches, step, count)}
        for name, of in cases.items() if step == last else [("labelled", cases["labelled"])]:
            scores = {form: dice(predictor, of, settings, training["classes"]) for form, predictor in forms.items()}
            yield {"run": run.id, "step": step, "cases": name} | scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--runs", type=Path, default=Path("results/runs"))
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=20, help="batches per gradient and estimate")
    parser.add_argument("--parts", nargs="*", default=["test"], help="parts of the split that are looked at in the end")
    parser.add_argument(
        "--output", type=Path, default=Path("why"), help="terms.csv and statistics.csv are written here"
    )
    given = parser.parse_args()
    store, runs = load_store(given.store), [RunFolder(given.runs / name) for name in given.names]
    given.output.mkdir(parents=True, exist_ok=True)
    pulls = pd.DataFrame([line for run in runs for line in terms(run, store, given.batches)])
    means = pulls.drop(columns="batch").groupby(["run", "term"], sort=False).mean().round(4)
    lags = pd.DataFrame([line for run in runs for line in statistics(run, store, given.batches, given.parts)]).round(2)
    means.to_csv(given.output / "terms.csv")
    lags.to_csv(given.output / "statistics.csv", index=False)
    print(means.to_string(), lags.to_string(index=False), sep="\n\n")


if __name__ == "__main__":
    main()
