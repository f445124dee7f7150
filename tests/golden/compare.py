"""A method beside the numbers of public code: the same batch, and how close is close enough.

Both sides compute in float64 (`rule.in_float64`), where processors differ by less than 1e-11 after a V-Net in training
mode; the numbers are written with 12 significant digits, of values up to 20. Hence `CLOSE`. Signed distance maps are
float32 in the released code and here, by other operations in another order: the mean square of their errors differs by
5e-9 of itself. Hence `CLOSE_MAPS`, for terms that see them and for what follows from their gradient.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import rule
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.methods.base import Method, make
from dmd.methods.cps_ssl4mis import ReleasedCPS
from dmd.methods.families.pair import Pair
from dmd.networks.build import Build
from dmd.planning import config, reading

FOLDER = Path(__file__).parent
CLOSE = 1e-10
CLOSE_MAPS = 1e-8


def read(name: str) -> list[dict[str, Any]]:
    """Return the cases in tests/golden/<name>.json, each with the seed."""
    facts = json.loads((FOLDER / f"{name}.json").read_text())
    return [case | {"seed": facts["seed"]} for case in facts["cases"]]


def build(case: dict[str, Any]) -> Build:
    """Return the full width without dropout, with a clock that counts the iterations of the case."""
    kind, iterations = ("vnet", 6000) if case["dimensions"] == 3 else ("unet", 30000)
    return Build(case["dimensions"], case["classes"], kind, iterations, iterations, dropout=0.0)


def method(case: dict[str, Any], implementation: str, row: str | None = None, **tuned: float) -> Method:
    """Return a method with the values that the configuration gives the ``row`` of a table, in training mode."""
    stanzas = config.check(reading.read(FOLDER.parents[1] / "config")).methods
    data = "la" if case["dimensions"] == 3 else "acdc"
    layers = [stanzas[name] for name in dict.fromkeys((implementation, row or implementation))]
    params = {key: value for stanza in layers for key, value in (stanza.params | stanza.adapted.get(data, {})).items()}
    return make({"implementation": implementation, "params": params | tuned}, build(case)).train()


def batch(case: dict[str, Any], made: Method) -> Batch:
    """Return the images, the labels of the labelled ones and what the method derives from them."""
    images = rule.images(case["seed"], tuple(case["shape"]))
    labels = rule.labels(case["seed"], (case["labelled"], *case["shape"][2:]), case["classes"])
    return Batch(images, labels, {name: derive(labels) for name, derive in made.extras([]).items() if callable(derive)})


def require_parameters(case: dict[str, Any], *modules: nn.Module) -> None:
    """Require as many trainable parameters as in the public code, less those that it never uses."""
    found = sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
    assert found + case.get("unused_parameters", 0) == case["parameters"]


def require_outputs(case: dict[str, Any], close: float = CLOSE, **outputs: Tensor) -> None:
    """Require the summary of every output."""
    assert set(outputs) == set(case["outputs"])
    for name, output in outputs.items():
        found, expected = rule.summary(output), case["outputs"][name]
        for key in expected:
            assert found[key] == pytest.approx(expected[key], rel=close, abs=close), f"{name}, {key}"


def require_pair(case: dict[str, Any], made: Pair | ReleasedCPS, images: Tensor) -> None:
    """Fill the two networks, the second from the next seed, and require their parameters and outputs."""
    networks = (made.first, made.second)
    for place, network in enumerate(networks):
        rule.fill(network, partial(network, images), case["seed"] + place)
    require_parameters(case, made)
    require_outputs(case, **{f"network_{place}": network(images) for place, network in enumerate(networks, start=1)})


def require_terms(case: dict[str, Any], terms: dict[str, Tensor], close: float = CLOSE) -> None:
    """Require every term, and their sum where it is named ``total``."""
    found = {name: term.item() for name, term in terms.items()}
    if "total" in case["terms"]:
        found["total"] = sum(found.values())
    assert found == pytest.approx(case["terms"], rel=close, abs=0)


def require_gradients(
    case: dict[str, Any], terms: dict[str, Tensor], close: float = CLOSE, **networks: nn.Module
) -> None:
    """Require the norm of the gradient of the sum of the terms, network by network."""
    torch.stack(list(terms.values())).sum().backward()
    require_norms(case, close, **networks)


def require_norms(case: dict[str, Any], close: float = CLOSE, **networks: nn.Module) -> None:
    """Require the norm of the gradient that every network has."""
    found = {name: rule.gradient_norm(network) for name, network in networks.items()}
    assert found == pytest.approx(case["gradient_norms"], rel=close, abs=0)
