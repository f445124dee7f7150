import numpy as np
import pytest
from matplotlib.image import imread

from dmd.data.store import Case, write_store
from dmd.errors import InputError
from dmd.report.mosaic import mosaic


def store(path, count, classes=("background", "blob")):
    random = np.random.default_rng(0)
    cases = []
    for index in range(count):
        label = np.zeros((20, 24, 9), np.uint8)
        label[5:15, 6:18, 4] = 1
        image = label + 0.2 * random.standard_normal(label.shape)
        cases.append(Case(f"case{index:03d}", f"case{index:03d}", image, label, None))
    parts = {"train": [case.patient for case in cases], "validation": [], "test": []}
    write_store(path, {"name": "toy", "downsample": [1, 1, 1]}, classes, parts, cases)
    return path


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (7, 2), (30, 4)])
def test_the_picture_has_a_row_per_six_cases_and_at_most_four(tmp_path, count, rows):
    mosaic(store(tmp_path / "toy.h5", count), tmp_path / "toy.png")
    height, width = imread(tmp_path / "toy.png").shape[:2]
    assert (height, width) == (rows * 230 + 90, 1380)


def test_outlines_are_drawn_in_colour_over_grey_slices(tmp_path):
    mosaic(store(tmp_path / "toy.h5", 1), tmp_path / "toy.png")
    red, green, blue = np.moveaxis(imread(tmp_path / "toy.png")[..., :3], -1, 0)
    outlined = (red > 0.7) & (green < 0.4) & (blue < 0.4)
    assert 100 < outlined.sum() < 5000
    assert (np.abs(red - green) < 0.01).mean() > 0.9


def test_slices_are_drawn_as_they_are_stored(tmp_path):
    """Of a stack (slices, Y, X) with a dark left half the picture's left half is dark."""
    image = np.zeros((2, 20, 20), np.float32)
    image[:, :, 10:] = 1
    case = Case("a", "a", image, np.zeros_like(image), None)
    write_store(tmp_path / "toy.h5", {"name": "toy"}, ["a", "b"], {"train": ["a"]}, [case])
    mosaic(tmp_path / "toy.h5", tmp_path / "toy.png")
    dark = imread(tmp_path / "toy.png")[..., 0] < 0.05
    tall, wide = ((dark.sum(axis) > 50).sum() for axis in (1, 0))
    assert tall > 1.5 * wide


def test_an_unlabelled_case_is_drawn_without_outlines(tmp_path):
    blank = Case("blank", "blank", np.ones((5, 6, 3)), np.zeros((5, 6, 3)), None)
    write_store(tmp_path / "toy.h5", {"name": "toy"}, ["a", "b"], {"train": ["blank"]}, [blank])
    mosaic(tmp_path / "toy.h5", tmp_path / "toy.png")
    pixels = imread(tmp_path / "toy.png")[..., :3]
    coloured = np.ptp(pixels, axis=2).any(axis=1)
    assert not coloured[:290].any()
    assert coloured[290:].any()  # the legend


def test_a_missing_store_is_reported(tmp_path):
    with pytest.raises(InputError, match="found no such file"):
        mosaic(tmp_path / "none.h5", tmp_path / "toy.png")


def test_the_users_settings_change_nothing(tmp_path, require_our_style):
    toy = store(tmp_path / "toy.h5", 2)
    require_our_style(lambda: mosaic(toy, tmp_path / "toy.png"), tmp_path / "toy.png")
