"""DTC beside its released code (numbers in tests/golden/dtc.json)."""

from golden import compare, rule


@rule.in_float64()
def test_dtc_is_that_of_its_released_code():
    (case,) = compare.read("dtc")
    method = compare.method(case, "dtc")
    batch = compare.batch(case, method)
    rule.fill(method.network, lambda: method.network(batch.images), case["seed"])
    compare.require_parameters(case, method)
    maps, logits = method.network.maps_and_logits(batch.images)
    evaluated = method.network.eval().maps_and_logits(batch.images)
    compare.require_outputs(case, maps=maps, logits=logits, evaluated_maps=evaluated[0], evaluated_logits=evaluated[1])
    method.train()
    terms = method.losses(batch, case["iteration"])
    assert terms.pop("cross_entropy") == 0
    compare.require_terms(case, terms, compare.CLOSE_MAPS)
    compare.require_gradients(case, terms, compare.CLOSE_MAPS, network=method.network)
