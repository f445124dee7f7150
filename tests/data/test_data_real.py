import json

import numpy as np
import pytest

from dmd.data.sources import acdc, la
from dmd.data.store import sha256
from dmd.planning.splits import load_split

pytestmark = pytest.mark.slow


def read_all(reader, folder, split):
    """Yield (part, case, image, label) of a whole data set, one at a time."""
    for part, patients in split.parts.items():
        for patient in patients:
            for case in reader.cases(patient):
                yield part, case, *reader.read(folder, case)


def extent(label):
    return [np.ptp(axis) + 1 for axis in np.nonzero(label)]


def test_la_is_the_published_set(root, real_data):
    split = load_split(root / "config" / "splits" / "la.json")
    checksums = json.loads((root / "config" / "checksums" / "la.json").read_text())
    shapes, extents, shares, means, deviations = [], [], {"train": [], "test": []}, [], []
    for part, case, image, label in read_all(la, real_data / "la", split):
        assert [sha256(image), sha256(label)] == checksums[case]
        assert np.unique(label).tolist() == [0, 1]
        shapes.append(image.shape)
        extents.append(extent(label))
        shares[part].append(label.mean())
        means.append(image.mean())
        deviations.append(image.std())
    # Measured once on the public files; the scans are normalised before they are cropped, so not to 0 and 1.
    assert (np.min(shapes, axis=0).tolist(), np.max(shapes, axis=0).tolist()) == (
        [148, 132, 88],
        [244, 160, 88],
    )
    assert (np.min(extents, axis=0).tolist(), np.max(extents, axis=0).tolist()) == (
        [123, 69, 44],
        [210, 129, 74],
    )
    assert np.mean(shares["train"]) == pytest.approx(0.090, abs=0.0005)
    assert np.mean(shares["test"]) == pytest.approx(0.097, abs=0.0005)
    assert np.mean(means) == pytest.approx(0.90, abs=0.02)
    assert np.mean(deviations) == pytest.approx(0.96, abs=0.02)


def test_acdc_is_the_published_set(root, real_data):
    split = load_split(root / "config" / "splits" / "acdc.json")
    checksums = json.loads((root / "config" / "checksums" / "acdc.json").read_text())
    volumes, slices, images = {"train": 0, "validation": 0, "test": 0}, {}, {}
    for part, case, image, label in read_all(acdc, real_data / "acdc", split):
        assert [sha256(image), sha256(label)] == checksums[case]
        assert np.unique(label).tolist() == [0, 1, 2, 3]
        assert (image.min(), image.max()) == (0, 1)
        volumes[part] += 1
        patient = case.split("_")[0]
        slices[patient] = slices.get(patient, 0) + len(image)
        images.setdefault(sha256(image), []).append(case)
    train = [slices[patient] for patient in split.parts["train"]]
    assert volumes == {"train": 140, "validation": 20, "test": 40}
    # HiLab-git/SSL4MIS:code/train_fully_supervised_2D.py, patients_to_slices
    assert {count: sum(train[:count]) for count in (3, 7, 14, 21, 28, 35, 70)} == {
        3: 68,
        7: 136,
        14: 256,
        21: 396,
        28: 512,
        35: 664,
        70: 1312,
    }
    assert [same for same in images.values() if len(same) > 1] == [
        ["patient074_frame01", "patient076_frame01"],
        ["patient074_frame02", "patient076_frame02"],
    ]


def test_the_first_labelled_patients_of_acdc_are_the_published_ones(root):
    train = load_split(root / "config" / "splits" / "acdc.json").parts["train"]
    assert train[:7] == tuple(f"patient{number}" for number in ("099", "038", "050", "100", "058", "021", "049"))


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("la", {"train": "train.list", "test": "test.list"}),
        ("acdc", {"train": "train.list", "validation": "val.list", "test": "test.list"}),
    ],
)
def test_the_splits_are_the_published_lists(root, real_data, name, lists):
    split = load_split(root / "config" / "splits" / f"{name}.json")
    for part, file in lists.items():
        listed = (real_data / name / file).read_text().split()
        assert list(split.parts[part]) == list(dict.fromkeys(case.split("_")[0] for case in listed))


def test_labelled_slices_of_acdc_are_grouped_by_patient_in_the_order_of_the_split(root, real_data):
    listed = (real_data / "acdc" / "train_slices.list").read_text().split()
    assert len(listed) == 1312
    train = load_split(root / "config" / "splits" / "acdc.json").parts["train"]
    owners = [name.split("_")[0] for name in listed]
    assert [name for index, name in enumerate(owners) if index == 0 or owners[index - 1] != name] == list(train)
