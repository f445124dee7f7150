"""CPS beside a public code of its cross supervision (numbers in tests/golden/cps.json)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("case", compare.read("cps"), ids=lambda case: f"{case['row']} {case['dimensions']}d")
@rule.in_float64()
def test_cps_is_that_of_public_code(case):
    method = compare.method(case, case["row"])
    batch = compare.batch(case, method)
    compare.require_pair(case, method, batch.images)
    terms = method.losses(batch, case["iteration"])
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network_1=method.first, network_2=method.second)
