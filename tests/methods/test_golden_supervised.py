"""Networks and supervised terms against yulequan/UA-MT (V-Net) and HiLab-git/SSL4MIS (U-Net)."""

import pytest
from golden import compare, rule


@pytest.mark.parametrize("case", compare.cases("vnet", "unet"), ids=["vnet", "unet"])
def test_supervised_equals_the_public_code(case, content):
    method = compare.method(case, content["methods"]["supervised"] | {"implementation": "supervised"}, 6000)
    batch = compare.batch(case)
    rule.fill(method.network, lambda: method.network(batch.images), case["seed"])
    compare.check(case, {"logits": method.network(batch.images)}, method.losses(batch, 0), {"network": method.network})
