"""LG-ER-MT beside a co-author's training code (numbers in tests/golden/lgermt.json)."""

import torch
from golden import compare, rule


@rule.in_float64()
def test_lg_er_mt_is_that_of_public_code(monkeypatch):
    (case,) = compare.read("lgermt")
    method = compare.method(case, "lgermt")
    batch = compare.batch(case, method)
    for offset, network in enumerate([method.student, method.teacher.network]):
        rule.fill(network, lambda network=network: network(batch.images), case["seed"] + offset)
    monkeypatch.setattr(torch, "randperm", lambda length: torch.arange(length).flip(0))
    compare.require_parameters(case, method)
    with rule.counted_noise(case["seed"]):
        compare.require_outputs(case, student=method.student(batch.images), teacher=method.teacher(batch.images))
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, student=method.student)
