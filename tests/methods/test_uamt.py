import copy
import math

import pytest
import torch
from torch import nn

from dmd.data.batches import Batch
from dmd.methods.uamt import UAMT, Params
from dmd.networks.build import Build

PARAMS = Params(
    supervised=0.5,
    consistency=0.1,
    rampup=40,
    decay=0.99,
    noise=0.1,
    forwards=4,
    copies=2,
    certain=0.75,
    threshold=None,
    divisor=None,
)
SIZES = {2: (16, 32), 3: (16, 16, 16)}


def built(dimensions: int = 3, params: Params = PARAMS, iterations: int = 6000) -> UAMT:
    torch.manual_seed(0)
    kind, classes = ("vnet", 2) if dimensions == 3 else ("unet", 4)
    return UAMT(params, Build(dimensions, classes, kind, iterations, 6000, width=4)).train()


def batch(dimensions: int = 3, labelled: int = 2, size: int = 4) -> Batch:
    torch.manual_seed(1)
    shape = SIZES[dimensions]
    return Batch(torch.randn(size, 1, *shape), torch.randint(0, 2, (labelled, *shape)))


class Known(nn.Module):
    """A network that knows its answer: the logits ``+-value`` where the image is positive or not."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        foreground = self.value * torch.where(images > 0, 1.0, -1.0)
        return torch.cat([-foreground, foreground], dim=1)


def test_the_threshold_grows_to_ln_2_and_follows_the_paper_s_clock():
    method = built()
    assert method.threshold(0) == pytest.approx((0.75 + 0.25 * math.exp(-5)) * math.log(2))
    assert method.threshold(3000) == pytest.approx((0.75 + 0.25 * math.exp(-1.25)) * math.log(2))
    assert method.threshold(5999) == pytest.approx(math.log(2), rel=1e-6)
    assert built(iterations=600).threshold(300) == method.threshold(3000)


def test_the_consistency_warms_up_by_the_150_iterations():
    method, data = built(), batch()
    method.teacher.noise = 0.0

    def consistency(step: int) -> float:
        torch.manual_seed(2)
        return method.losses(data, step)["consistency"].item()

    # Whole training: the thresholds of 0 and 149 differ, so compare a teacher whose every voxel counts.
    method.threshold = lambda step: math.inf
    assert consistency(149) == consistency(0) > 0
    assert consistency(6000) / consistency(0) == pytest.approx(math.exp(5), rel=1e-5)
    assert consistency(3000) / consistency(6000) == pytest.approx(math.exp(-5 * (1 - 20 / 40) ** 2), rel=1e-5)


def test_the_consistency_is_the_squared_difference_where_the_teacher_is_certain():
    method, data = built(), batch()
    method.student, method.teacher.network, method.teacher.noise = Known(0.0), Known(5.0), 0.0
    p = torch.sigmoid(torch.tensor(10.0)).item()
    terms = method.losses(data, 6000)
    # Students at 1/2, teachers at p or 1 - p: 2 (p - 1/2)^2 over the divisor 2.
    assert terms["consistency"].item() == pytest.approx(0.1 * (p - 0.5) ** 2, rel=1e-5)


def test_an_uncertain_teacher_teaches_nothing():
    method, data = built(), batch()
    method.student, method.teacher.network = Known(1.0), Known(0.0)
    assert method.losses(data, 0)["consistency"].item() == 0


def test_entropy_is_that_of_the_mean_of_the_passes():
    method = built()
    method.teacher.network, method.teacher.noise = Known(50.0), 1.0
    torch.manual_seed(3)
    found = method.entropy(torch.zeros(1, 1, 4, 4, 4))
    # Every pass is certain of one of two classes, so the mean is k/8 and the entropy one of five values.
    possible = torch.tensor([-sum(q * math.log(q) for q in (k / 8, 1 - k / 8) if q) for k in range(5)])
    assert (found[..., None] - possible).abs().min(dim=-1).values.max() < 1e-4
    assert found.shape == (1, 4, 4, 4)
    assert found.max() > 0.6


@pytest.mark.parametrize("dimensions", [2, 3])
def test_entropy_lies_between_0_and_ln_c_and_draws_anew(dimensions):
    method, images = built(dimensions), batch(dimensions).images
    first, second = method.entropy(images), method.entropy(images)
    assert 0 <= first.min() <= first.max() <= math.log(2 if dimensions == 3 else 4) + 1e-5
    assert not torch.equal(first, second)


def test_only_the_student_learns_and_the_teacher_follows():
    method, data = built(), batch()
    method.start_training({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.0})
    trained = sum(parameter.numel() for group in method.optimiser.param_groups for parameter in group["params"])
    assert trained == sum(parameter.numel() for parameter in method.student.parameters())
    method.train_step(data, 0)
    students, teachers = list(method.student.parameters()), list(method.teacher.parameters())
    assert all(torch.equal(a, b) for a, b in zip(students, teachers, strict=True))
    before = copy.deepcopy(teachers)
    method.train_step(data, 1)
    assert all(
        torch.allclose(after, (a + b) / 2, atol=1e-6)
        for after, a, b in zip(teachers, before, method.student.parameters(), strict=True)
    )
    assert all(parameter.grad is None for parameter in teachers)


def test_labelled_images_decide_nothing_but_the_supervised_terms():
    method, data = built(), batch()
    method.student, method.teacher.network, method.teacher.noise = Known(1.0), Known(5.0), 0.0
    other = Batch(torch.cat([-data.images[:2], data.images[2:]]), data.labels)
    first, second = method.losses(data, 100), method.losses(other, 100)
    assert first["consistency"] == second["consistency"]
    assert first["dice"] != second["dice"]


def test_the_predictor_is_the_student():
    method = built().eval()
    images = batch().images
    expected = torch.softmax(method.student(images), dim=1)
    assert torch.equal(method.predictor(images), expected)


@pytest.mark.parametrize("label", [0, 1])
def test_a_patch_without_or_full_of_the_object_is_finite(label):
    data = batch()
    terms = built().losses(Batch(data.images, torch.full_like(data.labels, label)), 0)
    assert all(torch.isfinite(term) for term in terms.values())
    sum(terms.values()).backward()
