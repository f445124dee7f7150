import by_numpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmd.data.augment import Pose, augment_slice, augment_volume, draw_window

SEEDS = st.integers(0, 2**32)
FORMS = {2: (augment_slice, by_numpy.augmented_slice), 3: (augment_volume, by_numpy.augmented_volume)}


def volume(*shape: int) -> np.ndarray:
    """Return a volume in which no voxel has the value of another, nor that of what lies outside."""
    return 1 + np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def augmented(array: np.ndarray, patch: tuple[int, ...], seed: int) -> np.ndarray:
    ours, _ = FORMS[array.ndim]
    return ours(array.shape, patch, np.random.default_rng(seed))(torch.from_numpy(array)).numpy()


@st.composite
def shapes_and_patches(draw):
    axes = draw(st.sampled_from([2, 3]))
    sizes = st.tuples(*[st.integers(1, 40 if axes == 2 else 12)] * axes)
    return draw(sizes), draw(sizes)


@settings(max_examples=500)
@given(shapes_and_patches(), SEEDS)
def test_tensors_are_moved_as_the_arrays_of_the_scripts_are(shape_and_patch, seed):
    shape, patch = shape_and_patch
    ours, published = FORMS[len(shape)]
    random, others = np.random.default_rng(seed), np.random.default_rng(seed)
    transform = ours(shape, patch, random)
    (expected,) = published([volume(*shape)], patch, others)
    assert np.array_equal(transform(torch.from_numpy(volume(*shape))).numpy(), expected)
    assert random.bit_generator.state == others.bit_generator.state


@pytest.mark.parametrize("shape", [(9, 8, 7), (9, 8)])
def test_image_and_label_are_moved_alike_in_their_own_types(shape):
    for seed in range(20):
        transform = FORMS[len(shape)][0](shape, (5,) * len(shape), np.random.default_rng(seed))
        image = torch.from_numpy(volume(*shape)) % 251
        label = image.to(torch.uint8)
        assert transform(label).dtype == torch.uint8
        assert torch.equal(transform(label), transform(image).to(torch.uint8))


def test_what_was_moved_is_nobody_elses():
    for shape in ((9, 8, 7), (9, 8)):
        image = torch.from_numpy(volume(*shape))
        for seed in range(8):
            FORMS[len(shape)][0](shape, shape, np.random.default_rng(seed))(image).zero_()
        assert torch.equal(image, torch.from_numpy(volume(*shape)))


def test_the_last_place_of_a_crop_is_never_drawn():
    starts = {tuple(draw_window((8,), (5,), np.random.default_rng(seed))) for seed in range(200)}
    assert starts == {(0,), (1,), (2,)}


def test_an_axis_no_larger_than_the_patch_pads_every_axis():
    # Deficits: (5 - 5) // 2 + 3 = 3 a side, (5 - 9) // 2 + 3 = 1 a side, (5 - 12) // 2 + 3 = -1, so none.
    starts = [draw_window((5, 9, 12), (5, 5, 5), np.random.default_rng(seed)) for seed in range(300)]
    assert [{*axis} for axis in zip(*starts, strict=True)] == [{*range(-3, 3)}, {*range(-1, 5)}, {*range(7)}]
    image = np.ones((5, 5, 12), np.float32)
    patches = [augmented(image, (5, 5, 5), seed) for seed in range(300)]
    assert {patch.shape for patch in patches} == {(5, 5, 5)}
    assert min(patch.sum() for patch in patches) == 2 * 2 * 5


def test_rotation_and_flip_reach_the_four_mirrored_poses_of_a_plane_and_leave_depth_alone():
    # A flip always follows the rotation, so of the eight poses of a square only the mirrored ones are ever seen.
    image = torch.from_numpy(volume(3, 3, 2))
    turned = [Pose.draw(np.random.default_rng(seed)).of(image) for seed in range(200)]
    assert len({pose.numpy().tobytes() for pose in turned}) == 4
    assert not any(torch.equal(pose, image) for pose in turned)
    assert all(torch.equal(pose[..., 0].ravel().sort().values, image[..., 0].ravel()) for pose in turned)


def test_a_slice_keeps_its_classes_and_gets_the_size_of_the_patch():
    label = np.zeros((20, 24), np.uint8)
    label[5:15, 6:18] = 3
    for seed in range(20):
        resized = augmented(label, (32, 32), seed)
        assert resized.shape == (32, 32)
        assert set(np.unique(resized)) == {0, 3}


def test_slices_are_turned_freely_in_a_quarter_and_left_alone_in_another():
    image = volume(16, 16)
    poses = [augmented(image, (16, 16), seed) for seed in range(400)]
    untouched = sum(np.array_equal(pose, image) for pose in poses)
    # None of the four mirrored poses of the first branch is the image itself; the angle is 0 in 1 of 40 turns.
    assert untouched / 400 == pytest.approx(0.25 + 0.25 / 40, abs=0.08)
    assert len({pose.tobytes() for pose in poses}) > 4 + 20
