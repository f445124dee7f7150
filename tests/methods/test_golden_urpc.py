"""URPC beside its released code (numbers in tests/golden/urpc.json)."""

from golden import compare, rule


@rule.in_float64()
def test_urpc_is_that_of_its_released_code():
    (case,) = compare.read("urpc")
    method = compare.method(case, "urpc")
    batch = compare.batch(case, method)
    method.network.dropout.p = 0.0
    rule.fill(method, lambda: method.network.scales(batch.images), case["seed"])
    with rule.counted_noise(case["seed"]):
        scales = method.network.scales(batch.images)
    evaluated = method.network.eval().scales(batch.images)
    compare.require_parameters(case, method)
    compare.require_outputs(
        case,
        **{f"scale_{index}": scale for index, scale in enumerate(scales)},
        **{f"evaluated_{index}": scale for index, scale in enumerate(evaluated)},
    )
    method.train()
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network=method.network)
