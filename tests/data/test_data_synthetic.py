import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dmd.data.sources import synthetic2d, synthetic3d
from dmd.data.store import sha256

NOWHERE = Path("/nowhere")


def volumes(count=12):
    return [synthetic3d.read(NOWHERE, f"atrium{index:03d}") for index in range(1, count + 1)]


def stacks(count=6):
    patients = [f"heart{index:03d}" for index in range(1, count + 1)]
    return [synthetic2d.read(NOWHERE, case) for patient in patients for case in synthetic2d.cases(patient)]


def dice(predicted, reference):
    return 2 * (predicted & reference).sum() / (predicted.sum() + reference.sum())


def best_threshold_dice(image, reference):
    """The best that any threshold from above or from below can do on this one image."""
    levels = np.quantile(image, np.linspace(0, 1, 60))
    return max(dice(side, reference) for level in levels for side in (image >= level, image <= level))


@pytest.mark.parametrize(("reader", "case"), [(synthetic3d, "atrium001"), (synthetic2d, "heart001_frame01")])
def test_a_case_is_a_function_of_its_name(reader, case):
    first, again = reader.read(NOWHERE, case), reader.read(Path("elsewhere"), case)
    other = reader.read(NOWHERE, case.replace("001", "002"))
    assert sha256(first[0]) == sha256(again[0])
    assert sha256(first[1]) == sha256(again[1])
    assert sha256(first[0]) != sha256(other[0])


def test_volumes_have_the_declared_form():
    for image, label in volumes():
        assert (image.dtype, label.dtype, image.shape) == (np.float32, np.uint8, label.shape)
        assert set(np.unique(label)) == {0, 1}
        assert all(size >= patch + 4 for size, patch in zip(image.shape, (32, 32, 16), strict=True))
        assert image.mean() == pytest.approx(0, abs=1e-4)
        assert image.std() == pytest.approx(1, abs=1e-4)


def test_sizes_vary():
    assert len({image.shape for image, _ in volumes()}) > 3
    assert len({image.shape for image, _ in stacks()}) > 3


def test_the_atrium_is_one_body_with_thin_branches():
    for _, label in volumes():
        _, bodies = ndimage.label(label, np.ones((3, 3, 3)))
        assert bodies == 1
        core = ndimage.binary_opening(label, np.ones((5, 5, 3)))
        assert 0.02 < (label.sum() - core.sum()) / label.sum() < 0.6
    assert 0.05 < np.mean([label.mean() for _, label in volumes()]) < 0.12


def test_no_threshold_finds_the_atrium():
    scores = [best_threshold_dice(image, label == 1) for image, label in volumes()]
    assert max(scores) < 0.8
    assert np.mean(scores) < 0.7


def test_stacks_have_the_declared_form():
    for image, label in stacks():
        assert (image.dtype, label.dtype, image.shape) == (np.float32, np.uint8, label.shape)
        assert set(np.unique(label)) == {0, 1, 2, 3}
        assert (image.min(), image.max()) == (0, 1)
        assert image.shape[0] in (4, 5)
        assert all(size >= 36 for size in image.shape[1:])


def test_muscle_separates_the_cavity_from_everything_else():
    for _, label in stacks():
        for plane in label:
            around = ndimage.binary_dilation(plane == 3) & (plane != 3)
            assert (plane[around] == 2).all()


def test_the_right_ventricle_lies_beside_the_muscle():
    for _, label in stacks():
        assert (ndimage.binary_dilation(label[0] == 2) & (label[0] == 1)).any()


def test_contraction_empties_the_ventricles_and_thickens_the_wall():
    relaxed, contracted = stacks()[0::2], stacks()[1::2]
    for (_, before), (_, after) in zip(relaxed, contracted, strict=True):
        assert before.shape == after.shape
        for ventricle in (1, 3):
            assert (after == ventricle).sum() < (before == ventricle).sum()
        assert (after == 2).sum() / (after == 3).sum() > (before == 2).sum() / (before == 3).sum()


@pytest.mark.parametrize("structure", [1, 2, 3])
def test_no_threshold_finds_a_structure_of_the_heart(structure):
    scores = [best_threshold_dice(image, label == structure) for image, label in stacks()]
    assert max(scores) < 0.8
    assert np.mean(scores) < 0.6


def test_a_hundred_volumes_take_seconds():
    start = time.process_time()
    volumes(20)
    assert time.process_time() - start < 2
