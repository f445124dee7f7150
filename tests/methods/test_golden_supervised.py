"""Networks and supervised terms beside yulequan/UA-MT (V-Net) and HiLab-git/SSL4MIS (U-Net)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("name", ["vnet", "unet"])
def test_supervised_training_is_that_of_public_code(name):
    (case,) = compare.read(name)
    method = compare.method(case, "supervised")
    batch = compare.batch(case, method)
    rule.fill(method.network, lambda: method.network(batch.images), case["seed"])
    compare.require_parameters(case, method)
    compare.require_outputs(case, logits=method.network(batch.images))
    terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network=method.network)
