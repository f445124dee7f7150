"""Scans of a folder: one orientation, one spacing, classes; with labels, without, and as they were looked at."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from own_folder import LABELS, as_data_set, scan, write_folder

from dmd.data.check import check
from dmd.data.labels import read_label, to_classes, to_values
from dmd.data.origin import why_outdated
from dmd.data.own_grid import to_own
from dmd.data.prepare import prepare
from dmd.data.scan import read_scan
from dmd.data.sources.folder import Folder
from dmd.data.store import digest, load_store
from dmd.errors import InputError
from dmd.planning.config import Dataset
from dmd.planning.splits import load_split


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "mine", scans=4, annotated=3)


def read(folder, case, **facts):
    """Return image, label and own label of a case that is tested on."""
    other = "case01" if case == "case00" else "case00"
    dataset = Dataset.model_validate(as_data_set(folder, [other], [case], [], **facts)["dataset"])
    reader = Folder(dataset, load_split(folder.with_suffix(".split.json")))
    return *reader.read(folder, case), reader.own(folder, case)


def test_a_store_holds_the_annotated_and_the_others_on_one_grid(folder, tmp_path):
    description = as_data_set(folder, ["case00"], ["case01"], ["case03"])
    prepare(description, folder, tmp_path / "liver.h5")
    summary = check(tmp_path / "liver.h5", description)
    assert summary["parts"]["unlabelled"]["cases"] == 1
    assert "share" not in summary["parts"]["unlabelled"]
    store = load_store(tmp_path / "liver.h5", description["identity"], parts=["train"])
    assert [case.name for case in store.labelled(1)] == ["case00"]
    assert store.hidden(1) == []
    [unlabelled] = store.unlabelled(1)
    assert (unlabelled.name, unlabelled.label.size, unlabelled.is_annotated) == ("case03", 0, False)
    # 46 mm in voxels of 1 x 1 x 2 mm, from voxels of 0.9 x 0.9 x 2 mm, 51 of them.
    assert unlabelled.image.shape == (46, 46, 23)
    assert load_store(tmp_path / "liver.h5").cases("test")[0].own is not None
    assert all(case.own is None for case in store.labelled(1))


def test_no_way_in_which_a_file_lies_changes_a_voxel(folder):
    """The same patient in files with other axes, other directions of them, and another format."""
    expected = read(folder, "case01")
    image, label = scan(1)
    for name, of in (("imagesTr/case01_0000.nii.gz", image), ("labelsTr/case01.nii.gz", label)):
        turned = sitk.Flip(sitk.PermuteAxes(of, (2, 0, 1)), (True, False, True))
        sitk.WriteImage(turned, folder / name)
    found = read(folder, "case01")
    assert np.array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    assert found[2].label.shape != expected[2].label.shape


@pytest.mark.parametrize(
    ("case", "dimensions"), [("case00", 3), ("case01", 3), ("case01", 2), ("case02", 3), ("case02", 2)]
)
def test_a_label_comes_back_to_the_scan_as_it_was(folder, case, dimensions):
    """On a grid with the scan's own spacing nothing is lost, whatever its axes are; on another one little is."""
    spacing = sorted(read_scan(folder / f"imagesTr/{case}_0000.nii.gz").GetSpacing())
    own_spacing = spacing if dimensions == 3 else None
    _, label, own = read(folder, case, dimensions=dimensions, spacing_mm=own_spacing)
    assert np.array_equal(to_own(label, own, own_spacing, [1, 1, 1], dimensions), own.label)
    if dimensions == 3:
        coarse = [1.3, 1.1, 2.2]
        _, label, own = read(folder, case, spacing_mm=coarse)
        back = to_own(label, own, coarse, [1, 1, 1], 3)
        assert label.shape != own.label.shape == back.shape
        assert 2 * ((back == 1) & (own.label == 1)).sum() / ((back == 1).sum() + (own.label == 1).sum()) > 0.93


def test_values_of_labels_become_classes_and_values_again(folder):
    path = folder / "labelsTr/case00.nii.gz"
    values = np.array([0, 255, 3, 17], np.int32)
    label = sitk.ReadImage(path)
    given = sitk.GetImageFromArray(values[sitk.GetArrayFromImage(label)])
    given.CopyInformation(label)
    sitk.WriteImage(given, path)
    _, found, own = read(folder, "case00", spacing_mm=[1.0, 1.0, 1.0], labels=[0, 255, 3, 17])
    assert np.array_equal(own.label, sitk.GetArrayFromImage(label).T)
    assert np.unique(found).tolist() == [*LABELS.values()]
    back = to_values(to_classes(given, [0, 255, 3, 17]), [0, 255, 3, 17])
    assert np.array_equal(sitk.GetArrayFromImage(back), sitk.GetArrayFromImage(given))
    assert back.GetPixelID() == sitk.sitkUInt8
    assert to_values(to_classes(given, [0, 255, 3, 17]), [0, 999, 3, -1]).GetPixelID() == sitk.sitkInt32
    with pytest.raises(InputError, match=r"case00\.nii\.gz: expected the labels 0, 255, 3, found 17 too"):
        read(folder, "case00", labels=[0, 255, 3], classes=["a", "b", "c"])


def test_a_slope_in_the_header_is_a_part_of_the_intensities(folder):
    path = folder / "imagesTr/case00_0000.nii.gz"
    scaled = nibabel.load(path)
    whole = nibabel.Nifti1Image(np.round(np.asarray(scaled.dataobj)).astype(np.int16), scaled.affine)
    nibabel.save(whole, path)
    plain = sitk.GetArrayFromImage(read_scan(path))
    whole.header.set_slope_inter(0.5, -10)
    content = bytearray(whole.to_bytes())
    content[112:120] = np.array([0.5, -10], np.float32).tobytes()  # scl_slope and scl_inter, nifti1.h
    (folder / "sloped.nii").write_bytes(content)
    np.testing.assert_allclose(sitk.GetArrayFromImage(read_scan(folder / "sloped.nii")), 0.5 * plain - 10, rtol=1e-6)
    with pytest.raises(InputError, match=r"sloped\.nii: expected whole numbers as labels"):
        read_label(folder / "sloped.nii", read_scan(path))


def test_a_folder_that_changed_is_said_file_by_file_and_nothing_is_written(folder, tmp_path):
    description = as_data_set(folder, ["case00"], ["case01"], ["case03"])
    prepare(description, folder, tmp_path / "liver.h5")
    assert why_outdated(tmp_path / "liver.h5", description, folder) == ""
    sitk.WriteImage(scan(9)[1], folder / "labelsTr/case00.nii.gz")
    (folder / "imagesTr/case03_0000.nii.gz").unlink()
    assert "is not the file that the store was made from" in why_outdated(tmp_path / "liver.h5", description, folder)
    with pytest.raises(InputError, match="has changed since `dmd data init`") as caught:
        prepare(description, folder, tmp_path / "other.h5")
    assert "labelsTr/case00.nii.gz: expected sha256" in str(caught.value)
    assert "imagesTr/case03_0000.nii.gz: expected sha256" in str(caught.value)
    assert "found no file" in str(caught.value)
    assert "case01" not in str(caught.value)
    with pytest.raises(InputError, match=r"expected the scans of 'liver' in .*gone, found no folder"):
        prepare(description, tmp_path / "gone", tmp_path / "other.h5")
    assert not (tmp_path / "other.h5").exists()


def test_another_truth_on_the_scans_own_grid_is_another_store(folder, tmp_path):
    digests = []
    for number, point in enumerate((0, 1)):
        path = folder / "labelsTr/case01.nii.gz"
        label = sitk.ReadImage(path)
        label[0, 0, 0] = point  # which the grid of the store has no room for
        sitk.WriteImage(label, path)
        description = as_data_set(folder, ["case00"], ["case01"], [], spacing_mm=[3.0, 3.0, 3.0])
        prepare(description, folder, tmp_path / f"{number}.h5")
        digests.append(digest(tmp_path / f"{number}.h5"))
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("part", "message"),
    [({"train": ["case00"], "unlabelled": ["case01"]}, "a label for those that are not in 'unlabelled'")],
)
def test_a_split_that_does_not_say_which_files_are_whose_is_refused(folder, part, message):
    dataset = Dataset.model_validate(as_data_set(folder, ["case00"], ["case01"], ["case03"])["dataset"])
    split = load_split(folder.with_suffix(".split.json"))
    split.parts.update(part)
    with pytest.raises(InputError, match=message):
        Folder(dataset, split)


def real_la_as_nifti(folder, source, names):
    """Write scans of the left atrium as NIfTI, some with other axes, and return what the built-in reader gives."""
    from dmd.data.sources import la

    arrays = {}
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for number, name in enumerate(names):
        arrays[name] = la.read(source, name)
        for path, array in zip((f"imagesTr/{name}_0000.nii.gz", f"labelsTr/{name}.nii.gz"), arrays[name], strict=True):
            image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
            image.SetSpacing((0.625, 0.625, 0.625))
            if number % 2:
                image = sitk.Flip(sitk.PermuteAxes(image, (2, 0, 1)), (False, True, True))
            sitk.WriteImage(image, folder / path)
    return arrays


def test_the_left_atria_as_a_folder_are_those_of_their_own_reader(real_data, tmp_path, root):
    names = list(load_split(root / "config/splits/la.json").parts["test"][:3])
    arrays = real_la_as_nifti(tmp_path / "la", real_data / "la", names)
    facts = {
        "classes": ["background", "left atrium"],
        "labels": [0, 1],
        "spacing_mm": [0.625] * 3,
        "intensities": "unchanged",
    }
    for name in names:
        train = [other for other in names if other != name]
        dataset = Dataset.model_validate(as_data_set(tmp_path / "la", train, [name], [], **facts)["dataset"])
        reader = Folder(dataset, load_split(tmp_path / "la.split.json"))
        image, label = reader.read(tmp_path / "la", name)
        assert np.array_equal(image, arrays[name][0])
        assert np.array_equal(label, arrays[name][1])
        own = reader.own(tmp_path / "la", name)
        assert np.array_equal(to_own(label, own, [0.625] * 3, [1, 1, 1], 3), own.label)
