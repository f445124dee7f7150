import math

import numpy as np
import pytest
import torch
from conftest import tiny_cases, tiny_training

from dmd.errors import InputError
from dmd.methods.base import make
from dmd.methods.families.divergences import dice_distance, kl_released
from dmd.networks.build import Build
from dmd.planning.artefacts import Loss
from dmd.report.panels import probes

CPU = torch.device("cpu")
KL = Loss(divergence="kl", weight=3, temperature=1)


def method_of(name: str, params: dict):
    spec = tiny_training(3, name, params)
    torch.manual_seed(3)
    return make(spec["method"], Build.from_settings(spec)).eval(), spec


def test_the_entropy_of_a_coin_is_ln_2_and_of_a_hard_label_0():
    coin = torch.full((1, 2, 3, 3, 3), 0.5)
    assert probes.entropy(coin).numpy() == pytest.approx(np.full((1, 3, 3, 3), math.log(2)))
    hard = torch.tensor([[[1.0]], [[0.0]]])[None, :, 0]
    assert probes.entropy(hard).item() == 0
    assert probes.entropy(torch.full((1, 4, 1), 0.25)).item() == pytest.approx(math.log(4))


def test_gradients_of_single_voxels_by_hand():
    # Released KL of one voxel, q = 1/2 and r = sigmoid(1): d/dz [(q - r)(ln q - ln r)] = q(1 - q)(ln q - ln r)
    # + (q - r)(1 - q), at T = 1 and weight 3.
    first, second = torch.zeros(1, 1, 1, 1, 1), torch.ones(1, 1, 1, 1, 1)
    r = 1 / (1 + math.exp(-1))
    expected = 3 * abs(0.25 * (math.log(0.5) - math.log(r)) + (0.5 - r) * 0.5)
    assert probes._gradient(KL, first, second).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("loss", "function"), [("dice", dice_distance), ("kl", kl_released)])
def test_gradients_are_finite_differences(loss, function):
    torch.manual_seed(0)
    first, second = torch.randn(2, 1, 1, 3, 2, 2).double().float()
    found = probes._gradient(Loss(divergence=loss, weight=4, temperature=2), first, second)
    step = torch.zeros_like(first)
    step[0, 0, 1, 1, 0] = 1e-2
    slope = 4 * (function(first + step, second, 2) - function(first - step, second, 2)) / 2e-2
    assert found[1, 1, 0] == pytest.approx(abs(slope.item()), rel=1e-2)


def test_gradients_and_entropies_of_a_case_have_its_shape():
    method, spec = method_of("dmd", {"temperature": 2, "weight": 4, "divergence": "dice"})
    case = tiny_cases(3)[0]
    found = probes.gradients(
        method,
        case,
        [Loss(divergence="dice", weight=4, temperature=2), KL],
        spec,
        CPU,
    )
    assert found.predicted.shape == case.image.shape
    assert [size.shape for size in found.sizes] == [case.image.shape] * 2
    assert all(np.isfinite(size).all() and size.max() > 0 for size in found.sizes)
    one, two = probes.entropies(method, case, spec, CPU)
    assert not np.array_equal(one.prediction, two.prediction)
    assert (one.guidance >= one.prediction - 1e-6).all()  # T = 2 softens
    assert one.guidance.max() <= math.log(2) + 1e-6
    assert probes.pseudo_label(method.predictor, case, spec, CPU).tolist() == found.predicted.tolist()


def test_hard_and_sharpened_guidance_is_less_uncertain_than_the_prediction():
    case = tiny_cases(3)[0]
    method, spec = method_of("cps", {"weight": 1})
    assert probes.entropies(method, case, spec, CPU)[0].guidance.max() == 0
    sharpening = {"supervised": 1, "consistency": 0.1, "rampup": 40, "sharpening": 0.1, "prediction": "mean"}
    method, spec = method_of("mcnet", sharpening)
    for peer in probes.entropies(method, case, spec, CPU):
        assert (peer.guidance <= peer.prediction + 1e-6).all()
        assert peer.guidance.mean() < 0.9 * peer.prediction.mean()


def test_a_method_without_peers_is_refused():
    method, spec = method_of("supervised", {"cross_entropy": 0.5, "dice": 0.5})
    with pytest.raises(InputError, match="'supervised' has no two networks that teach each other"):
        probes.entropies(method, tiny_cases(3)[0], spec, CPU)
