"""SASSNet beside its released code (numbers in tests/golden/sassnet.json)."""

import copy

import torch
from golden import compare, rule


@rule.in_float64()
def test_one_iteration_of_both_networks_is_that_of_the_released_code():
    (case,) = compare.read("sassnet")
    method = rule.without_dropout(compare.method(case, "sassnet", adversarial=0.015))
    batch = compare.batch(case, method)
    rule.fill(method.segmenter, lambda: method.segmenter(batch.images), case["seed"])
    # A copy, since the pass moves the running statistics.
    maps, logits = copy.deepcopy(method.segmenter).maps_and_logits(batch.images)
    rule.fill(method.discriminator, lambda: method.discriminator(maps, batch.images), case["seed"])
    compare.require_parameters(case, method.segmenter)
    assert sum(weight.numel() for weight in method.discriminator.parameters()) == case["discriminator_parameters"]

    method.start_training({"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0001})
    terms = method.train_step(batch, case["iteration"])
    assert terms.pop("cross_entropy") == 0
    with torch.no_grad():
        method.segmenter.eval()
        evaluated = method.segmenter.maps_and_logits(batch.images)
        terms["discriminator_after"] = method.discriminator_loss(method.shown(batch.images), batch)
    close = compare.CLOSE_MAPS
    compare.require_outputs(
        case, close, maps=maps, logits=logits, evaluated_maps=evaluated[0], evaluated_logits=evaluated[1]
    )
    compare.require_terms(case, terms, close)
    compare.require_norms(case, close, network=method.segmenter, discriminator=method.discriminator)
