"""LG-ER-MT against fengweie/LG-ER-MT."""

import pytest
import torch
from golden import compare, rule


@pytest.mark.parametrize("case", compare.cases("lgermt"))
def test_lgermt_equals_the_public_code(case, content, monkeypatch):
    method = compare.method(case, content["methods"]["lgermt"] | {"implementation": "lgermt"}, 6000)
    batch = compare.batch(case)
    for offset, network in enumerate([method.student, method.teacher.network]):
        rule.fill(network, lambda network=network: network(batch.images), case["seed"] + offset)
    places = {3: [2, 0, 1], 2: [1, 0]}
    monkeypatch.setattr(torch, "randperm", lambda length: torch.tensor(places[length]))
    with rule.counted_noise(case["seed"]):
        outputs = {"student": method.student(batch.images), "teacher": method.teacher(batch.images)}
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])
    compare.check(case, outputs, terms, {"student": method.student})
