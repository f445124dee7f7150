"""Compare a method with the numbers in a file beside this one."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import rule
from torch import Tensor, nn

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.networks.build import Build


def cases(*names: str) -> list[dict[str, Any]]:
    """Return the cases of the files of these names, each with the seed of its file."""
    found = []
    for name in names:
        content = json.loads((Path(__file__).parent / f"{name}.json").read_text())
        found += [case | {"seed": content["seed"]} for case in content["cases"]]
    return found


def batch(case: dict[str, Any]) -> Batch:
    """Return the images and labels that the case was computed from."""
    _, _, *size = case["shape"]
    labels = rule.labels(case["seed"], (case["labelled"], *size), case["classes"])
    return Batch(rule.images(case["seed"], tuple(case["shape"])), labels)


def method(case: dict[str, Any], settings: dict[str, Any], iterations: int) -> base.Method:
    """Build the method of a stanza at full width without dropout, for 3-D data as on LA, for 2-D as on ACDC."""
    dimensions = case["dimensions"]
    dataset, kind = ("la", "vnet") if dimensions == 3 else ("acdc", "unet")
    params = settings["params"] | settings.get("adapted", {}).get(dataset, {})
    build = Build(dimensions, case["classes"], kind, iterations, iterations, dropout=0.0)
    return base.make({"implementation": settings["implementation"], "params": params}, build).train()


def check(case: dict[str, Any], outputs: dict[str, Tensor], terms: dict[str, Tensor], networks: dict[str, nn.Module]):
    """Require the case's outputs, terms and, for their sum, gradient norms and numbers of trained parameters."""
    assert {name: rule.points(output) for name, output in outputs.items()} == {
        name: pytest.approx(values, abs=1e-5, rel=0) for name, values in case["outputs"].items()
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(case["terms"], rel=1e-5)
    torch.stack(list(terms.values())).sum().backward()
    norms = {name: rule.gradient_norm(network) for name, network in networks.items()}
    assert norms == pytest.approx(case["gradient_norms"], rel=1e-4)
    trained = [p.numel() for network in networks.values() for p in network.parameters() if p.requires_grad]
    assert sum(trained) == case["parameters"]
