import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.data.augment import augment_slice, augment_volume, crop, rotate_and_flip


def volume(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@given(st.integers(0, 2**32))
def test_image_and_label_are_moved_alike(seed):
    image = volume(9, 8, 7)
    label = image.astype(np.int64)
    moved, followed = augment_volume([image, label], (5, 5, 5), np.random.default_rng(seed))
    assert np.array_equal(moved, followed)
    assert moved.shape == (5, 5, 5)


@given(st.integers(0, 2**32))
def test_the_transform_does_not_depend_on_whether_a_label_comes_along(seed):
    image = volume(9, 8, 7)
    alone = augment_volume([image], (5, 5, 5), np.random.default_rng(seed))[0]
    together = augment_volume([image, image], (5, 5, 5), np.random.default_rng(seed))[0]
    assert np.array_equal(alone, together)


def test_rotation_and_flip_reach_the_four_mirrored_poses_of_a_plane_and_leave_depth_alone():
    # A flip always follows the rotation, so of the eight poses of a square only the mirrored ones are ever seen.
    image = volume(3, 3, 2)
    poses = {rotate_and_flip([image], np.random.default_rng(seed))[0].tobytes() for seed in range(200)}
    assert len(poses) == 4
    assert image.tobytes() not in poses
    for seed in range(20):
        turned = rotate_and_flip([image], np.random.default_rng(seed))[0]
        assert np.array_equal(np.sort(turned[..., 0].ravel()), image[..., 0].ravel())


def test_the_last_place_of_a_crop_is_never_drawn():
    line = np.arange(8)
    starts = {int(crop([line], (5,), np.random.default_rng(seed))[0][0]) for seed in range(200)}
    assert starts == {0, 1, 2}


def test_an_axis_no_larger_than_the_patch_pads_every_axis():
    # Deficits: (5 - 5) // 2 + 3 = 3 a side, (5 - 9) // 2 + 3 = 1 a side, (5 - 12) // 2 + 3 = -1, so none.
    image = np.ones((5, 9, 12))
    shapes = {crop([image], (5, 5, 5), np.random.default_rng(seed))[0].shape for seed in range(5)}
    assert shapes == {(5, 5, 5)}
    reached = [crop([image], (5, 5, 5), np.random.default_rng(seed))[0] for seed in range(300)]
    assert min(patch.sum() for patch in reached) == 2 * 4 * 5


def test_a_slice_keeps_its_classes_and_gets_the_size_of_the_patch():
    label = np.zeros((20, 24), np.uint8)
    label[5:15, 6:18] = 3
    for seed in range(20):
        resized = augment_slice([label], (32, 32), np.random.default_rng(seed))[0]
        assert resized.shape == (32, 32)
        assert set(np.unique(resized)) == {0, 3}


def test_slices_are_turned_freely_in_a_quarter_and_left_alone_in_another():
    image = volume(16, 16)
    poses = {augment_slice([image], (16, 16), np.random.default_rng(seed))[0].tobytes() for seed in range(400)}
    untouched = sum(
        np.array_equal(augment_slice([image], (16, 16), np.random.default_rng(seed))[0], image) for seed in range(400)
    )
    # None of the four mirrored poses of the first branch is the image itself; the angle is 0 in 1 of 40 turns.
    assert untouched / 400 == pytest.approx(0.25 + 0.25 / 40, abs=0.08)
    assert len(poses) > 4 + 20
