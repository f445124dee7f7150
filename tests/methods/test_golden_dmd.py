"""DMD and DML beside the released script (numbers in tests/golden/dmd.json)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("case", compare.read("dmd"), ids=lambda case: case["row"])
def test_dmd_is_that_of_the_released_script(case):
    method = compare.method(case, "dmd", case["row"])
    batch = compare.batch(case, method)
    rule.fill(method.first, lambda: method.first(batch.images), case["seed"])
    rule.fill(method.second, lambda: method.second(batch.images), case["seed"] + 1)
    compare.require_parameters(case, method)
    compare.require_outputs(case, network_1=method.first(batch.images), network_2=method.second(batch.images))
    terms = method.losses(batch, case["iteration"])
    supervised = terms.pop("supervised_1") + terms.pop("supervised_2")
    terms["supervised"] = supervised
    compare.require_terms(case, terms)
    compare.require_gradients(case, terms, network_1=method.first, network_2=method.second)
