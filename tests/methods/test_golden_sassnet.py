import copy
import json

import pytest
import torch
from golden import rule

from dmd.data.batches import Batch
from dmd.methods import base
from dmd.networks.build import Build


def test_one_iteration_of_both_networks_is_that_of_the_public_code(root, content):
    golden = json.loads((root / "tests/golden/sassnet.json").read_text())
    (case,) = golden["cases"]
    params = content["methods"]["sassnet"]["params"] | content["methods"]["sassnet"]["tuned"]["la"][8]
    build = Build(dimensions=3, classes=2, kind="vnet", iterations=6000, reference_iterations=6000)
    method = rule.without_dropout(base.make({"implementation": "sassnet", "params": params}, build)).train()
    images = rule.images(golden["seed"], case["shape"])
    labels = rule.labels(golden["seed"], (case["labelled"], *case["shape"][2:]), case["classes"])
    rule.fill(method.segmenter, lambda: method.segmenter(images), golden["seed"])
    # A copy, since the pass moves the running statistics.
    maps, logits = copy.deepcopy(method.segmenter).maps_and_logits(images)
    rule.fill(method.discriminator, lambda: method.discriminator(maps, images), golden["seed"])
    method.start_training({"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001})

    batch = Batch(images, labels, method.targets(labels))
    terms = method.train_step(batch, case["iteration"])
    with torch.no_grad():
        method.segmenter.eval()
        terms["discriminator_after"] = method.discriminator_loss(method.shown(images), batch)

    for name in ("segmenter", "discriminator"):
        expected = case["parameters" if name == "segmenter" else "discriminator_parameters"]
        assert sum(weight.numel() for weight in getattr(method, name).parameters()) == expected
    assert rule.points(maps) == pytest.approx(case["outputs"]["maps"], abs=1e-5)
    assert rule.points(logits) == pytest.approx(case["outputs"]["logits"], abs=1e-5)
    for name, value in case["terms"].items():
        assert terms[name].item() == pytest.approx(value, rel=1e-5), name
    norms = case["gradient_norms"]
    assert rule.gradient_norm(method.segmenter) == pytest.approx(norms["network"], rel=1e-4)
    assert rule.gradient_norm(method.discriminator) == pytest.approx(norms["discriminator"], rel=1e-4)
