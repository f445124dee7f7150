"""DMD and DML beside the released script (numbers in tests/golden/dmd.json)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("case", compare.read("dmd"), ids=lambda case: case["row"])
@rule.in_float64()
def test_dmd_is_that_of_the_released_script(case):
    method = compare.method(case, "dmd", case["row"])
    batch = compare.batch(case, method)
    compare.require_pair(case, method, batch.images)
    terms = method.losses(batch, case["iteration"])
    terms["supervised"] = terms.pop("supervised_1") + terms.pop("supervised_2")
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network_1=method.first, network_2=method.second)
