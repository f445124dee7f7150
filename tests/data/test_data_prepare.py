import json

import h5py
import numpy as np
import pytest
from raw_la import describe_store, write_copy

from dmd.data.prepare import prepare
from dmd.data.sources import la
from dmd.data.store import load_store, sha256
from dmd.errors import InputError


@pytest.fixture
def copy(tmp_path):
    """A public copy of three scans."""
    return write_copy(tmp_path / "raw", "ABC")


@pytest.fixture
def description(tmp_path):
    return describe_store(tmp_path, ["B", "A"], ["C"])


def test_a_store_holds_every_case_of_the_split_downsampled(copy, description, tmp_path):
    prepare(description, copy, tmp_path / "la.h5")
    store = load_store(tmp_path / "la.h5", description["identity"])
    assert [case.name for case in store.cases("train")] == ["B", "A"]
    assert [case.name for case in store.cases("test")] == ["C"]
    case, (image, label) = store.cases("test")[0], la.read(copy, "C")
    assert (case.image.shape, case.label.shape) == ((2, 3, 2), (2, 3, 2))
    assert case.image[1, 2, 0] == pytest.approx(image[2:4, 4:6, 0:2].mean(), abs=1e-6)
    assert case.label[1, 2, 0] == (label[2:4, 4:6, 0:2].sum() >= 4)
    assert case.spacing_mm == (1.25, 1.25, 1.25)


def test_at_full_resolution_the_arrays_are_those_of_the_copy(copy, description, tmp_path):
    description["identity"]["downsample"] = [1, 1, 1]
    prepare(description, copy, tmp_path / "la.h5")
    case = load_store(tmp_path / "la.h5").cases("train")[0]
    for found, expected in zip((case.image, case.label), la.read(copy, "B"), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_description_without_spacing_gives_cases_without_spacing(copy, description, tmp_path):
    del description["dataset"]["spacing_mm"]
    prepare(description, copy, tmp_path / "la.h5")
    assert load_store(tmp_path / "la.h5").cases("test")[0].spacing_mm is None


def test_a_synthetic_set_needs_no_folder(description, tmp_path):
    description["dataset"]["reader"] = "synthetic3d"
    prepare(description, tmp_path / "nowhere", tmp_path / "synthetic.h5")
    assert len(load_store(tmp_path / "synthetic.h5").cases("train")) == 2


def test_progress_is_reported_on_stderr(copy, description, tmp_path, capsys):
    prepare(description, copy, tmp_path / "la.h5")
    printed = capsys.readouterr()
    assert "prepare la  3/3" in printed.err
    assert printed.out == ""


def test_a_missing_file_leaves_no_store(copy, description, tmp_path):
    la.path(copy, "C").unlink()
    with pytest.raises(InputError, match=r"C/mri_norm2\.h5, found none"):
        prepare(description, copy, tmp_path / "la.h5")
    assert not (tmp_path / "la.h5").exists()


@pytest.mark.parametrize("shape", [(4, 6, 4), (4, 6)])
def test_arrays_that_do_not_fit_together_are_refused(copy, description, tmp_path, shape):
    with h5py.File(la.path(copy, "A"), "r+") as file:
        del file["label"]
        file["label"] = np.zeros(shape, np.uint8)
    with pytest.raises(InputError, match=r"case 'A' in .*found \(4, 6, 5\) and \(4, 6"):
        prepare(description, copy, tmp_path / "la.h5")


def test_a_copy_with_other_arrays_than_the_public_one_is_refused(copy, description, tmp_path):
    listed = {scan: [sha256(array) for array in la.read(copy, scan)] for scan in "ABC"}
    (tmp_path / "checksums.json").write_text(json.dumps(listed))
    description["dataset"]["checksums"] = str(tmp_path / "checksums.json")
    prepare(description, copy, tmp_path / "la.h5")
    with h5py.File(la.path(copy, "C"), "r+") as file:
        file["image"][1, 2, 3] += 1
    with pytest.raises(InputError, match=f"not the public copy of 'la': .* 'C' to have sha256 {listed['C'][0]}, found"):
        prepare(description, copy, tmp_path / "other.h5")
    assert not (tmp_path / "other.h5").exists()


def test_a_split_that_was_edited_after_planning_is_refused(copy, description, tmp_path):
    description["identity"]["split"] = "planned"
    with pytest.raises(InputError, match=r"planned sha256 planned, found .*plan again"):
        prepare(description, copy, tmp_path / "la.h5")


def test_a_description_without_its_keys_is_refused(tmp_path):
    with pytest.raises(InputError, match="no dataset and no identity"):
        prepare({}, tmp_path, tmp_path / "la.h5")
