import dataclasses
import math
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from dmd.errors import InputError
from dmd.testing import metrics
from dmd.testing.metrics import evaluate, largest_component, mean_dice

LA = "la/2018LA_Seg_Training Set"


@pytest.fixture(scope="session")
def medpy():
    return pytest.importorskip("medpy.metric.binary", reason="MedPy is not installed (extra 'test')")


def voxels(shape, *positions) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for position in positions:
        mask[position] = True
    return mask


def cube(shape, start, stop) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def blob(shape, seed: int, smoothness: float = 2.0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smoothness)
    return noise > 0.3 * noise.std()


def assert_as_medpy(medpy, prediction, reference, spacing_mm=None):
    ours = evaluate(prediction, reference, spacing_mm)
    theirs = [f(prediction, reference) for f in (medpy.dc, medpy.jc, medpy.hd95, medpy.asd)]
    assert [ours.dice, ours.jaccard, ours.hd95_voxel, ours.asd_voxel] == pytest.approx(theirs, abs=1e-9)
    if spacing_mm is not None:
        theirs = [f(prediction, reference, voxelspacing=spacing_mm) for f in (medpy.hd95, medpy.asd)]
        assert [ours.hd95_mm, ours.asd_mm] == pytest.approx(theirs, abs=1e-9)


masks = st.one_of(st.tuples(*[st.integers(1, 9)] * 2), st.tuples(*[st.integers(1, 6)] * 3)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def test_equal_masks_score_perfectly():
    scores = evaluate(cube((9, 9, 9), (2, 2, 2), (7, 7, 7)), cube((9, 9, 9), (2, 2, 2), (7, 7, 7)))
    assert (scores.dice, scores.jaccard, scores.hd95_voxel, scores.asd_voxel) == (1, 1, 0, 0)
    assert (scores.predicted_voxels, scores.reference_voxels, scores.empty_prediction) == (125, 125, False)


def test_two_voxels_five_apart_along_a_3_4_diagonal():
    scores = evaluate(voxels((8, 8, 8), (1, 1, 1)), voxels((8, 8, 8), (4, 5, 1)))
    assert (scores.dice, scores.jaccard, scores.hd95_voxel, scores.asd_voxel) == (0, 0, 5, 5)


def test_spacing_stretches_the_distance_between_two_voxels_axis_by_axis():
    scores = evaluate(voxels((8, 8, 8), (1, 1, 1)), voxels((8, 8, 8), (4, 1, 2)), (2.0, 1.0, 8.0))
    assert (scores.hd95_mm, scores.asd_mm) == (10, 10)
    assert scores.asd_voxel == math.sqrt(10)


def test_the_nearest_voxel_in_millimetres_need_not_be_the_nearest_in_voxels():
    scores = evaluate(voxels((9, 9), (0, 0)), voxels((9, 9), (2, 0), (0, 3)), (5.0, 1.0))
    assert (scores.asd_voxel, scores.asd_mm) == (2, 3)


def test_equal_spacing_scales_the_voxel_distances():
    scores = evaluate(blob((20, 20, 20), 1), blob((20, 20, 20), 2), (0.625, 0.625, 0.625))
    assert scores.hd95_mm == pytest.approx(0.625 * scores.hd95_voxel, abs=1e-12)
    assert scores.asd_mm == pytest.approx(0.625 * scores.asd_voxel, abs=1e-12)


def test_without_spacing_millimetres_are_unknown():
    scores = evaluate(voxels((3, 3), (1, 1)), voxels((3, 3), (1, 1)))
    assert math.isnan(scores.hd95_mm)
    assert math.isnan(scores.asd_mm)


def test_a_square_shifted_by_one_counts_its_surface_only():
    # Two 3 x 3 squares, each with 8 surface pixels around its middle one.
    first, second = cube((6, 6), (1, 1), (4, 4)), cube((6, 6), (1, 2), (4, 5))
    scores = evaluate(first, second)
    assert scores.dice == pytest.approx(12 / 18)
    assert scores.jaccard == pytest.approx(6 / 12)
    # Of the first's surface, the left column is 1 off the second's; so is the pixel in its middle.
    assert scores.asd_voxel == (3 * 1 + 1 + 4 * 0) / 8
    assert scores.hd95_voxel == 1


def test_the_interior_of_a_cube_is_not_surface():
    # 26 of its 27 voxels are surface: 6 faces, 12 edges, 8 corners around the middle.
    scores = evaluate(cube((5, 5, 5), (1, 1, 1), (4, 4, 4)), voxels((5, 5, 5), (2, 2, 2)))
    assert scores.asd_voxel == pytest.approx((6 + 12 * math.sqrt(2) + 8 * math.sqrt(3)) / 26)


def test_a_mask_at_the_border_has_its_surface_there():
    # Outside counts as background, so all but the middle of a full 3 x 3 image is surface.
    scores = evaluate(np.ones((3, 3), bool), voxels((3, 3), (1, 1)))
    assert scores.asd_voxel == pytest.approx((4 + 4 * math.sqrt(2)) / 8)


def test_a_far_component_of_the_reference_is_seen_by_hd95_and_not_by_asd():
    reference = voxels((60, 5, 5), (2, 2, 2), (52, 2, 2))
    missed = evaluate(voxels((60, 5, 5), (2, 2, 2)), reference)
    assert missed.asd_voxel == 0
    # Pooled distances 0, 0, 50: the 95th percentile stands at 0.95 * 2 = 1.9, nine tenths from 0 to 50.
    assert missed.hd95_voxel == pytest.approx(45)
    invented = evaluate(reference, voxels((60, 5, 5), (2, 2, 2)))
    assert invented.asd_voxel == 25
    assert invented.hd95_voxel == pytest.approx(45)


@given(masks)
def test_overlap_and_hd95_are_symmetric_and_bounded(pair):
    prediction, reference = pair
    assume(prediction.any() and reference.any())
    one, other = evaluate(prediction, reference), evaluate(reference, prediction)
    assert (one.dice, one.jaccard) == (other.dice, other.jaccard)
    assert one.hd95_voxel == pytest.approx(other.hd95_voxel)
    assert 0 <= one.jaccard <= one.dice <= 1
    assert one.dice == pytest.approx(2 * one.jaccard / (1 + one.jaccard))
    assert 0 <= one.asd_voxel < math.hypot(*prediction.shape)
    assert 0 <= one.hd95_voxel < math.hypot(*prediction.shape)


@given(masks, st.integers(0, 3), st.integers(0, 3))
def test_moving_both_masks_changes_nothing(pair, before, after):
    prediction, reference = pair
    assume(prediction.any() and reference.any())
    moved = [np.pad(mask, (before, after)) for mask in pair]
    spacing = (0.5, 1.0, 3.0)[: prediction.ndim]
    assert evaluate(*moved, spacing) == evaluate(prediction, reference, spacing)


@given(masks, st.permutations([0, 1, 2]))
def test_the_order_of_the_axes_does_not_matter(pair, order):
    prediction, reference = pair
    assume(prediction.any() and reference.any())
    order = [axis for axis in order if axis < prediction.ndim]
    spacing = (0.5, 1.0, 3.0)
    here = evaluate(prediction, reference, spacing[: prediction.ndim])
    there = evaluate(prediction.transpose(order), reference.transpose(order), [spacing[axis] for axis in order])
    assert there.hd95_mm == pytest.approx(here.hd95_mm)
    assert there.asd_mm == pytest.approx(here.asd_mm)


@given(masks)
def test_distances_are_those_of_all_pairs_of_surface_voxels(pair):
    prediction, reference = pair
    assume(prediction.any() and reference.any())

    def surface(mask):
        cross = ndimage.generate_binary_structure(mask.ndim, 1)
        return np.argwhere(mask & ~ndimage.binary_erosion(mask, cross))

    spacing = np.array((0.5, 1.0, 3.0)[: prediction.ndim])
    apart = (surface(prediction)[:, None] - surface(reference)[None]) * spacing
    table = np.sqrt((apart**2).sum(axis=2))
    forth, back = table.min(axis=1), table.min(axis=0)
    scores = evaluate(prediction, reference, spacing)
    assert scores.asd_mm == pytest.approx(forth.mean())
    assert scores.hd95_mm == pytest.approx(np.percentile(np.concatenate([forth, back]), 95))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.3, 4.0)])
def test_the_tree_and_the_distance_transform_agree(monkeypatch, spacing):
    prediction, reference = blob((24, 20, 16), 1), blob((24, 20, 16), 2)
    monkeypatch.setattr(metrics, "VOXELS_PER_QUERY", 0)
    tree = evaluate(prediction, reference, spacing)
    monkeypatch.setattr(metrics, "VOXELS_PER_QUERY", math.inf)
    transform = evaluate(prediction, reference, spacing)
    assert dataclasses.astuple(tree) == pytest.approx(dataclasses.astuple(transform), abs=1e-12)


@pytest.mark.parametrize(
    ("predicted", "expected", "overlap"),
    [([(1, 1)], [], 0), ([], [(1, 1)], 0), ([], [], 1)],
    ids=["false alarm", "missed", "rightly empty"],
)
def test_where_a_mask_is_empty_there_is_no_distance_and_agreement_is_overlap_1(predicted, expected, overlap):
    scores = evaluate(voxels((4, 4), *predicted), voxels((4, 4), *expected), (1.0, 1.0))
    assert (scores.dice, scores.jaccard) == (overlap, overlap)
    assert (scores.predicted_voxels, scores.reference_voxels) == (len(predicted), len(expected))
    assert scores.empty_prediction == (not predicted)
    distances = [scores.hd95_voxel, scores.asd_voxel, scores.hd95_mm, scores.asd_mm]
    assert all(math.isnan(distance) for distance in distances)


def test_bad_input_is_refused_by_name():
    mask = voxels((4, 4), (1, 1))
    with pytest.raises(InputError, match=r"\(4, 4\).*\(4, 5\)"):
        evaluate(mask, voxels((4, 5), (1, 1)))
    with pytest.raises(InputError, match="boolean reference mask, found uint8"):
        evaluate(mask, mask.astype(np.uint8))
    with pytest.raises(InputError, match="2-D or 3-D"):
        evaluate(np.ones(4, bool), np.ones(4, bool))
    with pytest.raises(InputError, match="2 positive spacings"):
        evaluate(mask, mask, (1.0, 1.0, 1.0))
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="2 positive spacings"):
            evaluate(mask, mask, (1.0, bad))


def test_the_mean_dice_of_classes_is_that_of_their_masks():
    random = np.random.default_rng(0)
    prediction, reference = random.integers(0, 4, (2, 6, 5))
    single = [evaluate(prediction == index, reference == index).dice for index in (1, 2, 3)]
    assert mean_dice(prediction, reference, 4) == pytest.approx(np.mean(single), abs=1e-15)
    assert mean_dice(prediction.astype(np.uint8) * 0, reference * 0, 4) == 1
    assert mean_dice(prediction > 0, reference > 0, 2) == evaluate(prediction > 0, reference > 0).dice


@pytest.mark.parametrize("bad", [3, -1, 1.0, None])
@pytest.mark.parametrize("first", [True, False])
def test_labels_that_are_no_class_are_refused(bad, first):
    """They would be counted as voxels of other classes."""
    good, odd = np.array([0, 1, 2, 1]), np.array([0, 1, 2, 1] if bad is None else [0, 1, 2, bad])
    if bad is None:
        good, odd = good[:0], odd[:0]
    with pytest.raises(InputError, match=r"(prediction|reference): expected (the classes 0 to 2|a label map)"):
        mean_dice(*((odd, good) if first else (good, odd)), classes=3)


def test_the_largest_component_stays_and_corners_connect():
    mask = voxels((6, 6, 6), (0, 0, 0), (1, 1, 1), (2, 2, 2), (5, 5, 5), (5, 5, 4))
    assert np.array_equal(largest_component(mask), voxels((6, 6, 6), (0, 0, 0), (1, 1, 1), (2, 2, 2)))
    mask = voxels((5, 5), (0, 0), (4, 4), (3, 3))
    assert np.array_equal(largest_component(mask), voxels((5, 5), (4, 4), (3, 3)))


def test_the_largest_component_of_nothing_is_nothing_and_of_one_piece_itself():
    nothing = np.zeros((3, 3, 3), bool)
    assert not largest_component(nothing).any()
    piece = cube((5, 5, 5), (1, 1, 1), (3, 4, 4))
    assert np.array_equal(largest_component(piece), piece)


@pytest.mark.parametrize("shape", [(40, 30), (24, 20, 16)])
@pytest.mark.parametrize("seed", range(4))
def test_random_blobs_score_as_in_medpy(medpy, shape, seed):
    spacing = (0.7, 1.3, 4.0)[: len(shape)]
    assert_as_medpy(medpy, blob(shape, seed), blob(shape, seed + 100), spacing)


@given(pair=masks)
def test_any_masks_score_as_in_medpy(medpy, pair):
    assume(pair[0].any() and pair[1].any())
    assert_as_medpy(medpy, *pair, (0.7, 1.3, 4.0)[: pair[0].ndim])


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        pytest.param(voxels((9, 9, 9), (0, 0, 0)), voxels((9, 9, 9), (8, 7, 6)), id="single voxels"),
        pytest.param(voxels((9, 9, 9), (0, 0, 0)), np.ones((9, 9, 9), bool), id="voxel and full volume"),
        pytest.param(cube((9, 9, 9), (0, 0, 0), (9, 9, 4)), cube((9, 9, 9), (0, 2, 3), (5, 9, 9)), id="border"),
        pytest.param(
            voxels((90, 9, 9), (0, 0, 0), (45, 4, 4)),
            cube((90, 9, 9), (80, 3, 3), (90, 9, 9)),
            id="far apart",
        ),
        pytest.param(blob((30, 30, 30), 1, 0.5), voxels((30, 30, 30), (3, 3, 3)), id="speckle"),
    ],
)
def test_special_masks_score_as_in_medpy(medpy, prediction, reference):
    assert_as_medpy(medpy, prediction, reference, (0.7, 1.3, 4.0))
    assert_as_medpy(medpy, reference, prediction, (0.7, 1.3, 4.0))


@pytest.mark.slow
def test_real_atria_score_as_in_medpy(medpy, real_data):
    masks = []
    for case in (real_data / "la/test.list").read_text().split()[:2]:
        with h5py.File(real_data / LA / case / "mri_norm2.h5") as file:
            masks.append(file["label"][:] > 0)
    for mask in masks:
        shifted = np.roll(mask, (3, -2, 1), axis=(0, 1, 2))
        assert_as_medpy(medpy, shifted, mask, (0.625, 0.625, 0.625))
    for one, other in pairwise(masks):
        common = tuple(slice(min(sizes)) for sizes in zip(one.shape, other.shape, strict=True))
        assert_as_medpy(medpy, one[common], other[common])
