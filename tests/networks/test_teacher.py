import copy

import pytest
import torch
from torch import nn

from dmd.errors import InputError
from dmd.networks.teacher import Teacher


def linear(value: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_it_starts_as_the_student_then_its_mean_then_the_decayed_average():
    teacher, student = Teacher(linear(100.0), decay=0.75, noise=0.1), linear(1.0)
    found = []
    for step, value in enumerate([1.0, 3.0, 5.0, 7.0, 11.0]):
        nn.init.constant_(student.weight, value)
        teacher.follow(student, step)
        found.append(teacher.network.weight.item())
    # a = 0, 1/2, 2/3, 3/4 and then min(4/5, 3/4).
    assert found == pytest.approx([1, 2, 3, 4, 0.75 * 4 + 0.25 * 11])


def test_the_first_step_copies_the_student_bit_for_bit():
    teacher, student = Teacher(nn.Conv3d(1, 4, 3), 0.99, 0.1), nn.Conv3d(1, 4, 3)
    teacher.follow(student, 0)
    assert all(torch.equal(a, b) for a, b in zip(teacher.network.parameters(), student.parameters(), strict=True))


def test_running_statistics_are_not_averaged():
    teacher, student = Teacher(nn.BatchNorm2d(2), 0.99, 0.1), nn.BatchNorm2d(2)
    student.running_mean += 5
    teacher.follow(student, 0)
    assert torch.equal(teacher.network.running_mean, torch.zeros(2))


def test_it_has_no_gradient_and_stays_in_training_mode():
    teacher = Teacher(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.5)), 0.99, 0.1)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    images = torch.randn(2, 1, 4, 4, requires_grad=True)
    assert not teacher(images).requires_grad
    nn.Sequential(teacher).eval()
    assert all(module.training for module in teacher.modules())


def test_a_student_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        Teacher(linear(1.0), 0.99, 0.1).follow(nn.Linear(1, 1), 0)


def test_the_noise_is_cut_at_twice_its_deviation():
    torch.manual_seed(0)
    found = Teacher(nn.Identity(), 0.99, 0.1)(torch.zeros(100_000))
    assert found.abs().max().item() == pytest.approx(0.2)
    # Of a normal variable 4.55 % lie beyond two deviations.
    assert (found.abs() >= 0.2 - 1e-7).float().mean().item() == pytest.approx(0.0455, abs=0.003)
    assert found.mean().item() == pytest.approx(0, abs=0.002)


def test_passes_give_copies_of_the_batch_with_noise_of_their_own():
    torch.manual_seed(0)
    images = torch.tensor([10.0, 20.0])[:, None, None]
    outputs = list(Teacher(nn.Identity(), 0.99, 0.1).passes(images, forwards=3, copies=2))
    assert [output.flatten().round(decimals=-1).tolist() for output in outputs] == [[10, 20, 10, 20]] * 3
    assert torch.stack(outputs).unique().numel() == 12


def test_copies_share_the_statistics_of_batch_norm_and_forwards_do_not():
    teacher = Teacher(nn.BatchNorm1d(1, affine=False), 0.99, 1.0)
    images = torch.zeros(2, 1)
    torch.manual_seed(0)
    together = torch.cat(list(teacher.passes(images, forwards=1, copies=4)))
    torch.manual_seed(0)
    apart = list(teacher.passes(images, forwards=2, copies=2))
    assert together.mean().abs() < 1e-6
    assert all(output.mean().abs() < 1e-6 for output in apart)
    assert together[:4].mean().abs() > 1e-3


@pytest.mark.parametrize(("forwards", "copies"), [(0, 2), (4, 0)])
def test_no_pass_at_all_is_refused(forwards, copies):
    with pytest.raises(InputError, match="at least 1 forward"):
        next(Teacher(nn.Identity(), 0.99, 0.1).passes(torch.zeros(1, 1), forwards, copies))


def test_its_state_takes_it_up_where_it_was():
    torch.manual_seed(0)
    teacher = Teacher(nn.BatchNorm2d(1), 0.99, 0.1)
    teacher(torch.randn(2, 1, 4, 4))
    restored = Teacher(nn.BatchNorm2d(1), 0.99, 0.1)
    restored.load_state_dict(copy.deepcopy(teacher.state_dict()))
    assert torch.equal(restored.network.running_var, teacher.network.running_var)
    assert teacher.network.running_var.item() != 1
