import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dmd.data.batches import Batch
from dmd.methods.lgermt import LGERMT, Params, cut, draw_cubes, local_structure
from dmd.networks.build import Build

PARAMS = Params(
    supervised=0.5,
    consistency=0.1,
    local_structure=0.01,
    global_structure=0.01,
    entropy=0.01,
    rampup=40,
    cube=16,
    cubes=2,
    decay=0.99,
    noise=0.1,
)
SIZE = (16, 32, 16)


def built() -> LGERMT:
    torch.manual_seed(0)
    return LGERMT(PARAMS, Build(3, 2, "vnet", 6000, 6000, width=4)).train()


def batch(labelled: int = 2) -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(4, 1, *SIZE), torch.randint(0, 2, (labelled, *SIZE)))


class Fixed(torch.nn.Module):
    """A network that gives the same foreground probability everywhere."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        logit = math.log(probability / (1 - probability))
        self.logit = torch.nn.Parameter(torch.tensor(logit, dtype=torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(images), torch.zeros_like(images) + self.logit], dim=1)


def with_gram_matrices(first: Tensor, second: Tensor) -> Tensor:
    """The definition, in double precision: all pairs of voxels."""
    units = [x.double() / (x.double().norm(dim=1, keepdim=True) + 1e-8) for x in (first, second)]
    grams = [torch.einsum("bcm,bcn->bmn", x, x) for x in units]
    return (grams[0] - grams[1]).square().mean(dim=(1, 2)).mean()


def vectors(seed: int, channels: int = 2, voxels: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(3 * torch.randn(3, channels, voxels, generator=generator), dim=1)


@given(st.integers(0, 2**31), st.sampled_from([2, 4]))
def test_local_structure_is_the_squared_difference_of_all_similarities(seed, channels):
    first, second = vectors(seed, channels), vectors(seed + 1, channels)
    found = local_structure(first, second)
    assert found.item() == pytest.approx(with_gram_matrices(first, second).item(), rel=1e-5)
    assert 0 <= found <= 1


def test_local_structure_has_the_gradient_of_the_definition():
    first, second = vectors(0).double().requires_grad_(), vectors(1)
    (expected,) = torch.autograd.grad(with_gram_matrices(first, second), first)
    (found,) = torch.autograd.grad(local_structure(first, second), first)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-9)


def test_local_structure_is_exact_for_nearly_equal_predictions():
    # Differences of Gram matrices in float32 would be noise here.
    first = vectors(0, voxels=4096).double()
    second = (first + 1e-5 * torch.randn(first.shape, generator=torch.Generator().manual_seed(1))).clamp(min=0)
    first, second = first.float(), second.float()
    expected = with_gram_matrices(first[:1, :, :512], second[:1, :, :512]).item()
    assert local_structure(first[:1, :, :512], second[:1, :, :512]).item() == pytest.approx(expected, rel=1e-2)
    assert expected < 1e-9


def test_local_structure_by_hand():
    # Two voxels of opposite classes against two equal ones: similarity 0 against 1 in two of four pairs.
    opposite, equal = torch.eye(2)[None], torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    assert local_structure(opposite, equal).item() == pytest.approx(0.5)
    assert local_structure(opposite, opposite).item() == 0
    # Only directions count: swapping the classes everywhere changes no similarity.
    assert local_structure(opposite, opposite.flip(1)).item() == pytest.approx(0, abs=1e-12)


def test_local_structure_refuses_other_shapes():
    with pytest.raises(ValueError, match="equal shapes"):
        local_structure(torch.rand(1, 2, 4), torch.rand(2, 2, 4))


def test_local_structure_stays_in_float32_under_autocast():
    first, second = vectors(0), vectors(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert local_structure(first, second) == local_structure(first.clone(), second)
        found = local_structure(first, second)
    assert found.dtype == torch.float32
    assert torch.equal(found, local_structure(first, second))


def test_four_cubes_are_drawn_from_the_grid():
    for seed in range(20):
        torch.manual_seed(seed)
        cubes = draw_cubes(torch.Size([112, 112, 80]), edge=16, count=2)
        starts = [tuple(axis.start for axis in cube) for cube in cubes]
        assert len(set(starts)) == 4
        assert [len({start[axis] for start in starts}) for axis in range(3)] == [2, 2, 1]
        assert all(axis.stop - axis.start == 16 and axis.start % 16 == 0 for cube in cubes for axis in cube)
        assert all(cube[0].stop <= 112 and cube[2].stop <= 80 for cube in cubes)


def test_every_place_of_the_grid_is_drawn():
    torch.manual_seed(0)
    drawn = [cube for _ in range(1000) for cube in draw_cubes(torch.Size([112, 112, 80]), 16, 2)]
    assert len({tuple(axis.start for axis in cube) for cube in drawn}) == 7 * 7 * 5


def test_a_patch_of_one_cube_has_one():
    assert draw_cubes(torch.Size([16, 16, 16]), 16, 2) == [(slice(0, 16), slice(0, 16), slice(0, 16))]


def test_cut_gives_the_voxels_of_each_cube():
    values = torch.arange(64.0).reshape(2, 1, 2, 4, 4)
    cubes = [(slice(0, 2), slice(2, 4), slice(0, 2)), (slice(0, 2), slice(0, 2), slice(0, 2))]
    found = cut(values, cubes)
    assert found.shape == (4, 1, 8)
    assert found[0, 0].tolist() == values[0, 0, :2, 2:, :2].flatten().tolist()
    assert found[3, 0].tolist() == values[1, 0, :2, :2, :2].flatten().tolist()


def test_terms_by_hand():
    method, data = built(), batch()
    method.student, method.teacher.network = Fixed(0.75), Fixed(0.5)
    terms = {name: term.item() for name, term in method.losses(data, 6000).items()}
    information = [-0.25 * math.log2(0.25), -0.75 * math.log2(0.75)]
    assert terms["consistency"] == pytest.approx(0.1 * 0.25**2 / 2, rel=1e-5)
    assert terms["local"] == pytest.approx(0, abs=1e-9)
    squares = [(value - 0.5) ** 2 for value in information]
    assert terms["global"] == pytest.approx(0.01 * sum(squares) / 2 / 2, rel=1e-5)
    assert terms["entropy"] == pytest.approx(0.01 * sum(information), rel=1e-5)


def test_all_but_the_supervised_terms_warm_up():
    method, data = built(), batch()

    def terms(step: int) -> dict[str, float]:
        torch.manual_seed(2)
        return {name: term.item() for name, term in method.losses(data, step).items()}

    start, end = terms(0), terms(6000)
    ratios = {name: end[name] / start[name] for name in start}
    warm = dict.fromkeys(("consistency", "local", "global", "entropy"), math.exp(5))
    assert ratios == pytest.approx({"cross_entropy": 1, "dice": 1} | warm, rel=1e-4)
    assert terms(149)["local"] == start["local"]


def test_gradients_reach_the_student_only():
    method, data = built(), batch()
    terms = method.losses(data, 6000)
    for name in ("consistency", "local", "global", "entropy"):
        method.zero_grad()
        terms[name].backward(retain_graph=True)
        assert all(parameter.grad is not None for parameter in method.student.parameters())
        assert all(parameter.grad is None for parameter in method.teacher.parameters())


def test_certain_predictions_have_finite_gradients():
    method, data = built(), batch()
    with torch.no_grad():
        method.student.heads[0].weight.mul_(1e4)
    sum(method.losses(data, 6000).values()).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in method.student.parameters())


@pytest.mark.parametrize("label", [0, 1])
def test_a_patch_without_or_full_of_the_object_is_finite(label):
    data = batch()
    terms = built().losses(Batch(data.images, torch.full_like(data.labels, label)), 0)
    assert all(torch.isfinite(term) for term in terms.values())
