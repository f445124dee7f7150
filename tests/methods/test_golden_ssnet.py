"""SS-Net beside its released code (numbers in tests/golden/ssnet.json and ssnet2d.json)."""

import pytest
import torch
from golden import compare, rule


@pytest.mark.parametrize("name", ["ssnet", "ssnet2d"])
def test_ss_net_is_that_of_its_released_code(name):
    (case,) = compare.read(name)
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
    assert rule.points(torch.cat(means).sort().values) == pytest.approx(case["running_mean"], abs=1e-5)

    feature = method.network.decoder(method.network.encoder(batch.images))
    prototypes = {
        f"prototypes_{index}": method.memory[index].mean(dim=0)
        for index, count in enumerate(case["prototypes"])
        if count > 0
    }
    compare.require_outputs(case, feature=feature, logits=method.network.heads[0](feature), **prototypes)
