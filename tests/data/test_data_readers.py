import h5py
import numpy as np
import pytest
import yaml

from dmd.data.sources import acdc, la
from dmd.data.sources.readers import DOWNLOADS, find_reader
from dmd.errors import InputError


def write(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


IMAGE, LABEL = np.ones((3, 4, 5), np.float32), np.ones((3, 4, 5), np.uint8)


def test_la_reads_its_public_layout(tmp_path):
    write(tmp_path / "2018LA_Seg_Training Set" / "SCAN" / "mri_norm2.h5", image=IMAGE, label=LABEL)
    image, label = la.read(tmp_path, "SCAN")
    assert (image.dtype, label.dtype, image.shape) == (np.float32, np.uint8, (3, 4, 5))


def test_acdc_reads_its_public_layout(tmp_path):
    write(tmp_path / "data" / "patient001_frame02.h5", image=IMAGE, label=LABEL)
    assert acdc.read(tmp_path, "patient001_frame02")[0].shape == (3, 4, 5)


def test_other_number_types_are_converted(tmp_path):
    write(tmp_path / "data" / "patient001_frame01.h5", image=IMAGE.astype(float), label=LABEL.astype(float))
    image, label = acdc.read(tmp_path, "patient001_frame01")
    assert (image.dtype, label.dtype) == (np.float32, np.uint8)


@pytest.mark.parametrize(("reader", "case"), [(la, "SCAN"), (acdc, "patient001_frame01")])
def test_a_missing_file_is_named_with_the_layout(tmp_path, reader, case):
    with pytest.raises(InputError) as caught:
        reader.read(tmp_path, case)
    assert str(reader.path(tmp_path, case)) in str(caught.value)
    assert reader.LAYOUT in str(caught.value)


def test_a_corrupt_file_is_named(tmp_path):
    path = la.path(tmp_path, "SCAN")
    write(path, image=IMAGE, label=LABEL)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"SCAN/mri_norm2\.h5, found a truncated or corrupt file"):
        la.read(tmp_path, "SCAN")


@pytest.mark.parametrize(
    "arrays",
    [{"image": IMAGE}, {"label": LABEL}, {"image": "text", "label": LABEL}, {"image": IMAGE[:0], "label": LABEL[:0]}],
)
def test_a_file_without_its_arrays_is_named(tmp_path, arrays):
    write(la.path(tmp_path, "SCAN"), **arrays)
    with pytest.raises(InputError, match=r"SCAN/mri_norm2\.h5.*replace it by a fresh copy"):
        la.read(tmp_path, "SCAN")


@pytest.mark.parametrize("value", [-1, 256, 0.5])
def test_a_label_that_is_no_small_whole_number_is_refused(tmp_path, value):
    write(la.path(tmp_path, "SCAN"), image=IMAGE, label=LABEL * np.float32(value))
    with pytest.raises(InputError, match="whole labels from 0 to 255"):
        la.read(tmp_path, "SCAN")


def test_cases_of_a_patient():
    assert la.cases("SCAN") == ["SCAN"]
    assert acdc.cases("patient007") == ["patient007_frame01", "patient007_frame02"]


@pytest.mark.parametrize(
    ("case", "public"),
    [
        ("patient001_frame01", "patient001_frame01"),
        ("patient001_frame02", "patient001_frame12"),
        ("patient003_frame02", "patient003_frame15"),
        ("patient090_frame01", "patient090_frame04"),
        ("patient090_frame02", "patient090_frame11"),
        ("patient100_frame02", "patient100_frame13"),
    ],
)
def test_frames_have_other_names_in_the_archive(case, public):
    assert acdc.public_name(case) == public


def test_every_patient_has_a_frame_at_the_end_of_systole():
    assert len(acdc.END_SYSTOLE) == 100


def test_every_data_set_of_the_project_has_a_reader(root):
    for facts in yaml.safe_load((root / "config" / "datasets.yaml").read_text())["datasets"].values():
        find_reader(facts["reader"])
        if "download" in facts:
            find_reader(facts["reader"], DOWNLOADS)


def test_a_reader_that_does_not_exist_is_named():
    with pytest.raises(InputError, match=r"dmd/data/sources/brats\.py, found none"):
        find_reader("brats")


def test_a_module_that_is_no_reader_is_refused():
    with pytest.raises(InputError, match="found no LAYOUT, cases, read"):
        find_reader("shapes")
