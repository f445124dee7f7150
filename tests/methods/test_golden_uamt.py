"""UA-MT beside yulequan/UA-MT (3-D) and HiLab-git/SSL4MIS (2-D) (numbers in tests/golden/uamt.json)."""

import pytest
import torch
from golden import compare, rule

from dmd.losses import probabilities


@pytest.mark.parametrize("case", compare.read("uamt"), ids=["3d", "2d"])
@rule.in_float64()
def test_ua_mt_is_that_of_public_code(case):
    method = compare.method(case, "uamt")
    batch = compare.batch(case, method)
    for offset, network in enumerate([method.student, method.teacher.network]):
        rule.fill(network, lambda network=network: network(batch.images), case["seed"] + offset)
        if case["dimensions"] == 2:
            # As on the other side: else every voxel would be too uncertain to count.
            with torch.no_grad():
                network.heads[0].weight.mul_(4)
    unlabelled = batch.images[case["labelled"] :]
    compare.require_parameters(case, method)
    with rule.counted_noise(case["seed"]):
        compare.require_outputs(
            case,
            student=method.student(batch.images),
            target=probabilities(method.teacher(unlabelled)),
            entropy=method.entropy(unlabelled),
        )
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, student=method.student)
