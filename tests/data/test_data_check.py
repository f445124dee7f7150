import json

import numpy as np
import pytest

from dmd.data.check import check
from dmd.data.store import Case, write_store
from dmd.errors import InputError
from dmd.planning.splits import checksum

PARTS = {"train": ["heart1", "heart2"], "validation": [], "test": ["heart3"]}
CLASSES = ["background", "right ventricle", "myocardium", "left ventricle"]


@pytest.fixture
def description(tmp_path):
    split = {"name": "toy", "source": "", "sha256": checksum(PARTS), "parts": PARTS}
    (tmp_path / "split.json").write_text(json.dumps(split))
    facts = {"revision": 1, "reader": "synthetic2d", "dimensions": 2, "classes": CLASSES, "spacing_mm": None}
    identity = {"name": "toy", "revision": 1, "downsample": [1, 1, 1], "split": split["sha256"]}
    return {"dataset": facts | {"split": str(tmp_path / "split.json")}, "identity": identity}


@pytest.fixture
def cases():
    names = [f"{patient}_frame0{frame}" for part in PARTS.values() for patient in part for frame in (1, 2)]
    random = np.random.default_rng(0)
    made = {}
    for name in names:
        label = np.zeros((2, 4, 5), np.uint8)
        label[:, 0, :4] = np.arange(4)
        image = random.uniform(0, 1, label.shape).astype(np.float32)
        made[name] = Case(name, name.split("_")[0], image, label, None)
    return made


@pytest.fixture
def checked(tmp_path, description, cases):
    def run(parts=PARTS, classes=CLASSES):
        write_store(tmp_path / "toy.h5", description["identity"], classes, parts, cases.values())
        return check(tmp_path / "toy.h5", description)

    return run


def faults(caught):
    return str(caught.value).splitlines()[1:]


def test_a_good_store_is_summed_up(checked, cases):
    summary = checked()
    train = summary["parts"]["train"]
    assert json.loads(json.dumps(summary)) == summary
    assert (train["patients"], train["cases"], train["slices"]) == (2, 4, 8)
    assert train["shape_smallest"] == train["shape_largest"] == [2, 4, 5]
    assert train["share"] == dict(zip(CLASSES, [0.85, 0.05, 0.05, 0.05], strict=True))
    voxels = np.concatenate([case.image.ravel() for name, case in cases.items() if "heart3" not in name])
    assert train["intensity"]["lowest"] == voxels.min()
    assert train["intensity"]["mean"] == pytest.approx(voxels.mean(), rel=1e-5)
    assert train["intensity"]["standard_deviation"] == pytest.approx(voxels.std(), rel=1e-5)
    assert summary["parts"]["validation"] == {"patients": 0, "cases": 0}
    assert summary["repeated_images"] == []


def test_volumes_have_no_count_of_slices(checked, description):
    description["dataset"]["dimensions"] = 3
    assert "slices" not in checked()["parts"]["train"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_with_its_place(checked, cases, value):
    cases["heart2_frame01"].image[1, 2, 3] = value
    with pytest.raises(InputError) as caught:
        checked()
    [fault] = faults(caught)
    assert fault.startswith("  case 'heart2_frame01': image: expected finite numbers")
    assert fault.endswith("found 1 NaN or infinite, the first at (1, 2, 3)")


def test_a_label_outside_the_classes_is_refused_with_its_place(checked, cases):
    cases["heart3_frame02"].label[0, 3, 1] = 4
    cases["heart3_frame02"].label[1, 3, 1] = 9
    with pytest.raises(InputError) as caught:
        checked()
    assert faults(caught) == [
        "  case 'heart3_frame02': label: expected classes 0 to 3, found [4, 9], 4 first at (0, 3, 1)"
    ]


def test_arrays_of_two_shapes_are_refused(checked, cases):
    good = cases["heart1_frame01"]
    cases["heart1_frame01"] = Case(good.name, good.patient, good.image, good.label[:1], None)
    with pytest.raises(InputError, match=r"one shape, found \(2, 4, 5\) and \(1, 4, 5\)"):
        checked()


def test_planes_instead_of_volumes_are_refused(checked, cases):
    good = cases["heart1_frame01"]
    cases["heart1_frame01"] = Case(good.name, good.patient, good.image[0], good.label[0], None)
    with pytest.raises(InputError, match=r"image: expected float32 with 3 axes, found float32 of shape \(4, 5\)"):
        checked()


@pytest.mark.parametrize("spacing", [(1.0, np.nan, 1.0), (1.0, 0.0, 1.0), (np.inf, 1.0, 1.0), (1.0, 1.0)])
def test_a_spacing_that_is_none_is_refused(checked, cases, spacing):
    good = cases["heart1_frame01"]
    cases["heart1_frame01"] = Case(good.name, good.patient, good.image, good.label, spacing)
    with pytest.raises(InputError, match="case 'heart1_frame01': spacing: expected 3 positive numbers of mm, found"):
        checked()


def test_a_missing_and_an_unexpected_case_are_both_named(checked, cases):
    good = cases["heart1_frame01"]
    cases["heart9_frame01"] = Case("heart9_frame01", "heart9", good.image + 1, good.label, None)
    del cases["heart2_frame02"]
    with pytest.raises(InputError) as caught:
        checked()
    assert len(faults(caught)) == 2
    assert "found no 'heart2_frame02'" in faults(caught)[0]
    assert "case 'heart9_frame01': expected no such case" in faults(caught)[1]


def test_a_case_of_the_wrong_patient_is_refused(checked, cases):
    good = cases["heart1_frame01"]
    cases["heart1_frame01"] = Case(good.name, "heart3", good.image, good.label, None)
    with pytest.raises(InputError, match="'heart1_frame01': expected patient 'heart1', found 'heart3'"):
        checked()


def test_a_patient_in_two_parts_is_refused(checked):
    with pytest.raises(InputError) as caught:
        checked(parts=PARTS | {"test": ["heart3", "heart1"]})
    assert "part 'test': expected the 1 patients" in faults(caught)[0]
    assert "parts 'train' and 'test': expected no patient in both, found 'heart1'" in faults(caught)[1]


def test_parts_in_another_order_are_refused(checked):
    with pytest.raises(InputError, match=r"part 'train': expected the 2 patients of .*, in order"):
        checked(parts=PARTS | {"train": ["heart2", "heart1"]})


def test_other_classes_are_refused(checked):
    with pytest.raises(InputError, match="classes: expected"):
        checked(classes=["background", "left ventricle", "myocardium", "right ventricle"])


def test_one_image_in_two_parts_is_refused_even_if_it_is_listed(checked, cases, description):
    description["dataset"]["repeated"] = [["heart1_frame02", "heart3_frame01"]]
    cases["heart3_frame01"].image[:] = cases["heart1_frame02"].image
    with pytest.raises(InputError, match="different images in train and test, found the same one"):
        checked()


def test_one_image_under_two_names_of_a_part_is_refused_unless_it_is_listed(checked, cases, description):
    cases["heart2_frame01"].image[:] = cases["heart1_frame02"].image
    with pytest.raises(InputError, match="cases 'heart1_frame02', 'heart2_frame01': expected different images, found"):
        checked()
    description["dataset"]["repeated"] = [["heart2_frame01", "heart1_frame02"]]
    assert checked()["repeated_images"] == [["heart1_frame02", "heart2_frame01"]]


def test_all_faults_are_reported_together(checked, cases):
    cases["heart1_frame01"].image[0, 0, 0] = np.nan
    cases["heart2_frame01"].label[0, 0, 0] = 7
    del cases["heart3_frame01"]
    with pytest.raises(InputError) as caught:
        checked(classes=["a", "b", "c", "d"])
    assert "has 4 fault(s)" in str(caught.value)
    assert all("expected" in fault and "found" in fault for fault in faults(caught))


def test_a_store_of_another_revision_is_refused(tmp_path, checked, description):
    checked()
    description["identity"] = description["identity"] | {"revision": 2}
    with pytest.raises(InputError, match="revision: expected 2, found 1"):
        check(tmp_path / "toy.h5", description)
