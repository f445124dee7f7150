"""DTC beside its released code (numbers in tests/golden/dtc.json)."""

from golden import compare, rule


def test_dtc_is_that_of_its_released_code():
    (case,) = compare.read("dtc")
    method = compare.method(case, "dtc")
    batch = compare.batch(case, method)
    rule.fill(method.network, lambda: method.network(batch.images), case["seed"])
    terms = method.losses(batch, case["iteration"])
    maps, logits = method.network.maps_and_logits(batch.images)
    compare.require_parameters(case, method)
    compare.require_outputs(case, maps=maps, logits=logits)
    assert terms.pop("cross_entropy") == 0
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network=method.network)
