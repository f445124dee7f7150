import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor, nn

from dmd.errors import InputError
from dmd.methods.base import Predictor
from dmd.networks.build import Build
from dmd.planning import config, reading
from dmd.testing.inference import predict_case, slice_by_slice, sliding_window, window_starts

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]

# Shapes of the 20 test scans of LA, in the order of its test.list.
LA_TEST_SHAPES = [
    *[(175, 132, 88), (196, 148, 88), (215, 140, 88), (209, 140, 88), (170, 136, 88)],
    *[(210, 154, 88), (168, 136, 88), (215, 147, 88), (191, 154, 88), (186, 143, 88)],
    *[(183, 133, 88), (190, 135, 88), (190, 138, 88), (187, 139, 88), (177, 139, 88)],
    *[(182, 136, 88), (178, 146, 88), (192, 141, 88), (231, 143, 88), (232, 144, 88)],
]


class Voxelwise(nn.Module):
    """Foreground probability sigmoid(x), whatever the voxel's place; remembers the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        foreground = torch.sigmoid(images)
        return torch.cat([1 - foreground, foreground], dim=1)


class Thresholds(nn.Module):
    """Class k where the intensity is nearest to k, of ``classes``."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, images: Tensor) -> Tensor:
        centres = torch.arange(self.classes).reshape(1, -1, *[1] * (images.ndim - 2))
        return torch.softmax(-((images - centres) ** 2), dim=1)


def volume(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def network(kind: str, classes: int = 2) -> nn.Module:
    """An untrained network whose running statistics are not those it was born with."""
    torch.manual_seed(0)
    build = Build(3 if kind == "vnet" else 2, classes, kind, 1, 1, width=2)
    made = build.network(build.logit_channels)
    shape = (16, 16, 16) if kind == "vnet" else (32, 32)
    with torch.no_grad():
        made.train()(torch.randn(4, 1, *shape))
    return Predictor(made)


def one_window_at_a_time(predictor: nn.Module, image: Tensor, patch, stride) -> Tensor:
    total, visits = torch.zeros(2, *image.shape, dtype=torch.float64), torch.zeros(image.shape)
    predictor.eval()
    for x in window_starts(image.shape[0], patch[0], stride[0]):
        for y in window_starts(image.shape[1], patch[1], stride[1]):
            for z in window_starts(image.shape[2], patch[2], stride[2]):
                window = np.s_[x : x + patch[0], y : y + patch[1], z : z + patch[2]]
                with torch.no_grad():
                    total[:, *window] += predictor(image[window][None, None])[0]
                visits[window] += 1
    return (total / visits).float()


def test_the_last_window_ends_with_the_axis():
    assert window_starts(size=175, patch=112, stride=18) == [0, 18, 36, 54, 63]
    assert window_starts(size=88, patch=80, stride=4) == [0, 4, 8]
    assert window_starts(size=16, patch=16, stride=4) == [0]
    assert window_starts(size=17, patch=16, stride=4) == [0, 1]


def test_the_published_windows_of_the_la_test_scans_number_1128():
    scaled = config.check(reading.read(ROOT / "config")).scales["paper"].datasets["la"]
    patch, stride = scaled.patch, scaled.stride
    counts = [
        math.prod(len(window_starts(*axis)) for axis in zip(shape, patch, stride, strict=True))
        for shape in LA_TEST_SHAPES
    ]
    assert (len(counts), min(counts), max(counts), sum(counts)) == (20, 45, 84, 1128)


@given(st.integers(1, 40), st.integers(0, 60), st.integers(1, 40))
def test_windows_cover_an_axis_without_gaps_or_repeats(patch, excess, stride):
    stride, size = min(stride, patch), patch + excess
    starts = window_starts(size, patch, stride)
    assert starts == sorted(set(starts))
    assert starts[-1] + patch == size
    assert {place for start in starts for place in range(start, start + patch)} == set(range(size))


@pytest.mark.parametrize(("size", "patch", "stride"), [(10, 11, 2), (10, 4, 5), (10, 4, 0)])
def test_windows_that_do_not_fit_or_leave_gaps_are_refused(size, patch, stride):
    with pytest.raises(InputError, match=f"stride {stride}, patch {patch}, size {size}"):
        window_starts(size, patch, stride)


def test_patch_and_stride_of_other_dimensions_are_refused():
    with pytest.raises(InputError, match=r"patch \[4, 4\]"):
        sliding_window(Voxelwise(), volume(8, 8, 8), (4, 4), (2, 2, 2), 1, CPU)
    with pytest.raises(InputError, match="a plane of two sizes"):
        slice_by_slice(Voxelwise(), volume(8, 8, 8), (4, 4, 4), 1, CPU)


@pytest.mark.parametrize("shape", [(9, 10, 11), (8, 8, 8), (5, 20, 3), (1, 1, 1), (7, 8, 30)])
def test_a_voxelwise_predictor_gives_back_itself_in_volumes_of_any_size(shape):
    image = volume(*shape)
    probabilities = sliding_window(Voxelwise(), image, (8, 8, 8), (3, 2, 5), 4, CPU)
    assert probabilities.shape == (2, *shape)
    assert probabilities.dtype == torch.float32
    assert torch.allclose(probabilities[1], torch.sigmoid(image), atol=1e-6)
    assert torch.allclose(probabilities.sum(dim=0), torch.ones(shape), atol=1e-6)


def test_a_smaller_volume_is_padded_with_zeros_the_odd_one_behind():
    class Recorder(Voxelwise):
        def forward(self, images: Tensor) -> Tensor:
            self.seen = images.clone()
            return super().forward(images)

    recorder = Recorder()
    sliding_window(recorder, torch.ones(5, 8, 2), (8, 8, 8), (4, 4, 4), 1, CPU)
    expected = torch.zeros(1, 1, 8, 8, 8)
    expected[..., 1:6, :, 3:5] = 1
    assert torch.equal(recorder.seen, expected)


def test_the_last_batch_may_be_smaller():
    predictor = Voxelwise()
    sliding_window(predictor, volume(12, 8, 8), (8, 8, 8), (2, 8, 8), 2, CPU)
    assert predictor.batches == [2, 1]
    predictor = Voxelwise()
    slice_by_slice(predictor, volume(7, 8, 8), (16, 16), 3, CPU)
    assert predictor.batches == [3, 3, 1]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batched_windows_give_what_one_at_a_time_gives(batch_size):
    predictor, image = network("vnet"), volume(24, 20, 18)
    expected = one_window_at_a_time(predictor, image, (16, 16, 16), (3, 4, 1))
    found = sliding_window(predictor, image, (16, 16, 16), (3, 4, 1), batch_size, CPU)
    assert found.std() > 0.01
    assert torch.allclose(found, expected, atol=1e-5, rtol=0)
    # A threshold in the midst of what is predicted, as an untrained network is sure of nothing: each mask has both.
    threshold = expected[1].mean()
    differ = (found[1] > threshold) != (expected[1] > threshold)
    assert differ.float().mean() <= 1e-5


def test_dropout_is_off_and_no_gradient_is_kept():
    predictor, image = network("vnet").train(), volume(20, 16, 16)
    first, second = (sliding_window(predictor, image, (16, 16, 16), (4, 4, 4), 2, CPU) for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_bf16_stays_near_fp32_and_is_summed_in_fp32():
    predictor, image = network("vnet"), volume(20, 16, 16)
    exact = sliding_window(predictor, image, (16, 16, 16), (4, 4, 4), 2, CPU, "fp32")
    rounded = sliding_window(predictor, image, (16, 16, 16), (4, 4, 4), 2, CPU, "bf16")
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert torch.allclose(rounded, exact, atol=0.05)


def test_a_predicted_volume_is_the_argmax_and_a_tie_is_background():
    image = volume(12, 10, 9).numpy()
    image[:2] = 0  # p = 1/2
    settings = {"dimensions": 3, "patch": [8, 8, 8], "stride": [4, 4, 4], "precision": "fp32"}
    labels = predict_case(Voxelwise(), image, settings, CPU)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, image > 0)


def test_a_predicted_stack_is_resized_segmented_and_resized_back_as_scipy_does():
    random = np.random.default_rng(0)
    image = random.integers(0, 4, (5, 27, 40)).astype(np.float32)
    settings = {"dimensions": 2, "patch": [32, 48], "precision": "fp32"}
    labels = predict_case(Thresholds(4), image, settings, CPU)
    expected = []
    for plane in image:
        large = ndimage.zoom(plane, (32 / 27, 48 / 40), order=0)
        expected.append(ndimage.zoom(large.astype(np.uint8), (27 / 32, 40 / 48), order=0))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, np.stack(expected))


def test_a_stack_already_of_the_networks_size_gives_back_its_own_labels():
    image = np.random.default_rng(0).integers(0, 4, (3, 32, 32)).astype(np.float32)
    settings = {"dimensions": 2, "patch": [32, 32], "precision": "fp32"}
    assert np.array_equal(predict_case(Thresholds(4), image, settings, CPU), image)


@pytest.mark.parametrize(("kind", "shape", "patch"), [("vnet", (20, 16, 12), 3), ("unet", (6, 30, 40), 2)])
def test_networks_are_run_in_another_memory_order_with_the_same_result(kind, shape, patch):
    image = volume(*shape)
    settings = {"dimensions": patch, "patch": [16] * patch, "stride": [4] * patch, "precision": "fp32"}
    predictor = network(kind, classes=2)
    weights = {name: value.clone() for name, value in predictor.state_dict().items()}
    if kind == "vnet":
        expected = sliding_window(predictor, image, (16,) * 3, (4,) * 3, 1, CPU).argmax(dim=0)
    else:
        expected = slice_by_slice(predictor, image, (16, 16), 1, CPU)
    labels = predict_case(predictor, image.numpy(), settings, CPU)
    assert np.mean(labels == expected.numpy()) > 0.999
    assert all(torch.equal(value, weights[name]) for name, value in predictor.state_dict().items())


def test_a_predictor_can_be_trained_further_after_predicting():
    predictor = network("vnet")
    settings = {"dimensions": 3, "patch": [16] * 3, "stride": [8] * 3, "precision": "fp32"}
    predict_case(predictor, volume(16, 16, 16).numpy(), settings, CPU)
    predictor.train()(volume(2, 1, 16, 16, 16)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in predictor.parameters())
