"""The card of a trained network: what whoever runs it without this package must know."""

import math
from functools import partial
from importlib.metadata import version
from typing import Any

import pandas as pd

from dmd.data.sources.readers import normaliser
from dmd.planning.config import Dataset, Method
from dmd.planning.identity import Spec, plain
from dmd.report.tested import read_run
from dmd.runs.folder import RunFolder
from dmd.runs.outcomes import EMPTY
from dmd.testing.evaluation import POST_PROCESSING, SCORES

Card = dict[str, Any]
UNKNOWN_TERMS = "Not said in the configuration: those of whoever owns the scans."


def make_card(run: RunFolder, dataset: Dataset, method: Method | None) -> Card:
    """Return what is known of the network of a run, as JSON has it.

    Parameters
    ----------
    run : RunFolder
        A trained run; one that is not tested has no scores.
    dataset : Dataset
        The facts of the data that it was trained on.
    method : Method or None
        The stanza of its method, if the configuration has it.

    Raises
    ------
    InputError
        A file of the run is not its own.
    """
    spec = run.read_spec()
    training = spec.training
    label = method.labels.get(training["dataset"]["name"], method.label) if method else None
    return {
        "run": run.id,
        "made_by": {"dmd": version("dmd"), "torch": version("torch")},
        "method": training["method"] | {"label": label, "citation": method.citation if method else None},
        "training": {name: value for name, value in training.items() if name != "method"},
        "input": _input(spec, dataset),
        "output": {
            "shape": ["batch", len(dataset.classes), *training["patch"]],
            "type": "float32",
            "holds": "probabilities, which sum to 1 over the classes",
            "classes": dataset.classes,
        },
        "windows": spec.inference,
        "test": _test(run, dataset.classes),
        "data_terms": dataset.terms or UNKNOWN_TERMS,
    }


def _input(spec: Spec, dataset: Dataset) -> dict[str, Any]:
    training = spec.training
    found, is_volume = normaliser(dataset), dataset.dimensions == 3
    normalise: Any = found.func if isinstance(found, partial) else found
    says = (normalise.__doc__ or "").strip().partition("\n")[0].removeprefix("Return ").replace("``", "")
    blocks = training["dataset"]["downsample"]
    spacing = dataset.spacing_mm and [round(a * b, 6) for a, b in zip(dataset.spacing_mm, blocks, strict=True)]
    return {
        "shape": ["batch", 1, *training["patch"]],
        "type": "float32",
        "fixed": "the patch; the batch may have any size",
        "axes": "X, Y, Z towards left, back and head of the patient" if is_volume else "Y, X of one slice",
        "spacing_mm": plain(spacing),
        "blocks": blocks,
        "intensities": {"rule": normalise.__name__, "says": says}
        | ({"window": dataset.window} if dataset.window else {}),
    }


def _test(run: RunFolder, classes: list[str]) -> dict[str, Any] | None:
    if not run.cases.exists():
        return None
    lines = read_run(run).lines

    def of(processing: str, index: int) -> pd.DataFrame:
        return lines[(lines["post_processing"] == processing) & (lines["class"] == index)]

    scores = [
        {"class": name, "post_processing": processing}
        | {score: _spread(of(processing, index)[score]) for score in SCORES}
        | {empty: int((of(processing, index)["outcome"] == empty).sum()) for empty in EMPTY}
        for processing in POST_PROCESSING
        for index, name in enumerate(classes[1:], 1)
    ]
    return {"cases": lines["case"].nunique(), "patients": lines["patient"].nunique(), "scores": scores}


def _spread(values: "pd.Series[float]") -> dict[str, float | None]:
    """Return mean and standard deviation of those that are known, nothing where they cannot be had."""
    said = {"mean": values.mean(), "sd": values.std()}
    return {name: None if math.isnan(value) else round(value, 4) for name, value in said.items()}
