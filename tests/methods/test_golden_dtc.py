import json

import pytest
import torch
from golden import rule

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.networks.build import Build


def test_one_iteration_is_that_of_the_public_code(root, content):
    golden = json.loads((root / "tests/golden/dtc.json").read_text())
    (case,) = golden["cases"]
    build = Build(dimensions=3, classes=2, kind="vnet", iterations=6000, reference_iterations=6000)
    settings = {"implementation": "dtc", "params": content["methods"]["dtc"]["params"]}
    method = rule.without_dropout(base.make(settings, build)).train()
    images = rule.images(golden["seed"], case["shape"])
    labels = rule.labels(golden["seed"], (case["labelled"], *case["shape"][2:]), case["classes"])
    rule.fill(method.network, lambda: method.network(images), golden["seed"])

    terms = method.losses(Batch(images, labels, method.targets(labels)), case["iteration"])
    torch.stack(list(terms.values())).sum().backward()

    assert sum(weight.numel() for weight in method.network.parameters()) == case["parameters"]
    maps, logits = method.network.maps_and_logits(images)
    assert rule.points(maps) == pytest.approx(case["outputs"]["maps"], abs=1e-5)
    assert rule.points(logits) == pytest.approx(case["outputs"]["logits"], abs=1e-5)
    for name, value in case["terms"].items():
        assert terms[name].item() == pytest.approx(value, rel=1e-5), name
    assert terms["cross_entropy"].item() == 0
    assert rule.gradient_norm(method.network) == pytest.approx(case["gradient_norms"]["network"], rel=1e-4)
