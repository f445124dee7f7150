"""Networks and supervised terms beside yulequan/UA-MT (V-Net) and HiLab-git/SSL4MIS (U-Net)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("case", compare.read("supervised"), ids=["3d", "2d"])
@rule.in_float64()
def test_supervised_training_is_that_of_public_code(case):
    method = compare.method(case, "supervised")
    batch = compare.batch(case, method)
    rule.fill(method.network, lambda: method.network(batch.images), case["seed"])
    compare.require_parameters(case, method)
    logits = method.network(batch.images)
    # By the statistics of that one pass.
    evaluated = method.network.eval()(batch.images)
    compare.require_outputs(case, logits=logits, evaluated=evaluated)
    method.network.train()
    terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network=method.network)
