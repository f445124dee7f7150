"""UA-MT against yulequan/UA-MT (3-D) and HiLab-git/SSL4MIS (2-D)."""

import pytest
import torch
from golden import compare, rule

from dmd.losses import probabilities


@pytest.mark.parametrize("case", compare.cases("uamt"), ids=["la", "acdc"])
def test_uamt_equals_the_public_code(case, content):
    length = 6000 if case["dimensions"] == 3 else 30000
    method = compare.method(case, content["methods"]["uamt"] | {"implementation": "uamt"}, length)
    batch = compare.batch(case)
    for offset, network in enumerate([method.student, method.teacher.network]):
        rule.fill(network, lambda network=network: network(batch.images), case["seed"] + offset)
        if case["dimensions"] == 2:
            with torch.no_grad():
                network.heads[0].weight.mul_(4)
    unlabelled = batch.images[case["labelled"] :]
    with rule.counted_noise(case["seed"]):
        outputs = {
            "student": method.student(batch.images),
            "target": probabilities(method.teacher(unlabelled)),
            "entropy": method.entropy(unlabelled),
        }
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])
    compare.check(case, outputs, terms, {"student": method.student})
