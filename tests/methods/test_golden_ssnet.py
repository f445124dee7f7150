"""SS-Net beside its released code (numbers in tests/golden/ssnet.json)."""

import pytest
import torch
from golden import compare, rule


@pytest.mark.parametrize("case", compare.read("ssnet"), ids=["3d", "2d"])
@rule.in_float64()
def test_ss_net_is_that_of_its_released_code(case):
    method = compare.method(case, "ssnet")
    batch = compare.batch(case, method)

    def run():
        method.network(batch.images)
        method.prediction(method.projection(torch.zeros(4, 16)))
        for selector in method.selectors:
            selector(torch.zeros(4, 32))

    rule.fill(method, run, case["seed"])
    with rule.counted_noise(case["seed"]):
        terms = method.losses(batch, case["iteration"])

    compare.require_parameters(case, method)
    assert method.memory.counts.tolist() == case["prototypes"]
    compare.require_terms(case, terms)
    compare.require_gradients(
        case,
        terms,
        network=method.network,
        projection=method.projection,
        prediction=method.prediction,
        selectors=method.selectors,
    )

    # The statistics have seen the batch twice and neither of the perturbed ones. Sorted: the layers have other names.
    means = [buffer for key, buffer in method.network.encoder.named_buffers() if key.endswith("running_mean")]
    running_mean = torch.cat(means).sort().values
    evaluated = method.network.eval()(batch.images)
    feature = method.network.train().decoder(method.network.encoder(batch.images))
    prototypes = {
        f"prototypes_{index}": method.memory[index].mean(dim=0)
        for index, count in enumerate(case["prototypes"])
        if count > 0
    }
    compare.require_outputs(
        case,
        logits=method.network.heads[0](feature),
        feature=feature,
        evaluated=evaluated,
        running_mean=running_mean,
        **prototypes,
    )
