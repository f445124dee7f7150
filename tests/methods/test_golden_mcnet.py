"""MC-Net beside its released code (numbers in tests/golden/mcnet.json)."""

import pytest
from golden import compare, rule
from torch import nn


@pytest.mark.parametrize("case", compare.read("mcnet"), ids=["3d", "2d"])
@rule.in_float64()
def test_mc_net_is_that_of_its_released_code(case):
    method = compare.method(case, "mcnet", row="mcnet_released")
    batch = compare.batch(case, method)
    decoders = method.decoders
    rule.fill(method, lambda: decoders.logits(batch.images), case["seed"])
    compare.require_parameters(case, method)
    first, second = decoders.logits(batch.images)
    evaluated = method.eval().decoders.logits(batch.images)
    compare.require_outputs(case, decoder_1=first, decoder_2=second, evaluated_1=evaluated[0], evaluated_2=evaluated[1])
    method.train()

    found = method.losses(batch, case["iteration"])
    terms = {"supervised": found["supervised_1"] + found["supervised_2"], "consistency": found["consistency"]}
    compare.require_terms(case, terms)
    compare.require_gradients(
        case,
        terms,
        encoder=decoders.encoder,
        decoder_1=nn.ModuleList([decoders.decoder_1, decoders.head_1]),
        decoder_2=nn.ModuleList([decoders.decoder_2, decoders.head_2]),
    )
