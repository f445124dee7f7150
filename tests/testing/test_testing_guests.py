"""Masks made elsewhere: those of a run score as the run does, and what is no mask of a test case is refused."""

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813, the name its own documentation uses
from conftest import tiny_training

from dmd.data.store import load_store, sha256
from dmd.errors import InputError
from dmd.files import checksum
from dmd.planning.guests import Guest
from dmd.planning.resolve import Store
from dmd.runs.guests import GuestFolder
from dmd.testing.evaluation import evaluate_run
from dmd.testing.guests import evaluate_guest
from dmd.testing.label_maps import write_predictions

WAYS = (".nii.gz", ".nii", ".nrrd", ".mha", "h5", "predictions.h5", "run")


class Setting:
    """A tiny store, label maps of its test cases, a run that predicted them and a folder for masks."""

    def __init__(self, dimensions, tiny_store, tiny_run, folder):
        self.dimensions, self.store, self.masks = dimensions, tiny_store[dimensions], folder / "masks"
        self.training = tiny_training(dimensions, "dmd", {})
        self.cases = load_store(self.store, parts=["test"]).cases("test")
        random = np.random.default_rng(1)
        maps = {case.name: np.where(random.random(case.label.shape) < 0.9, case.label, 0) for case in self.cases}
        self.maps = {name: labels.astype(np.uint8) for name, labels in maps.items()}
        self.run = tiny_run(self.training)
        self.run.weights.write_bytes(b"weights")
        testing = self.run.read_spec().testing
        write_predictions(self.run, testing, self.maps.items(), checksum(self.run.weights))
        identity = self.training["dataset"]
        self.guest = Guest("X", self.training["labelled"], Store("tiny", "tiny", identity))
        self.folder = GuestFolder(folder / "guests" / self.guest.id)
        self.masks.mkdir()
        for name in self.maps:
            self.write(name)

    def write(self, name, labels=None, ending=".nii.gz"):
        labels = self.maps[name] if labels is None else labels
        path = self.masks / f"{name}{ending}"
        if ending.startswith(".nii"):  # as many save them: floats, and a header that says nothing of the patient
            array = labels if self.dimensions == 3 else labels.T
            nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), np.eye(4)), path)
        else:
            array = labels.T if self.dimensions == 3 else labels
            sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(array)), path)

    def measure(self, place=None):
        return evaluate_guest(self.folder, self.guest, self.store, place or self.masks, self.dimensions)


@pytest.fixture(params=[3, 2], ids=["volumes", "slices"])
def setting(request, tiny_store, tiny_run, tmp_path):
    return Setting(request.param, tiny_store, tiny_run, tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_the_masks_of_a_run_score_as_the_run_does_byte_for_byte(setting, way):
    evaluate_run(setting.run, setting.store)
    place = {"predictions.h5": setting.run.predictions, "run": setting.run.path}.get(way, setting.masks)
    if way == "h5":
        place = setting.masks / "elsewhere.h5"
        with h5py.File(place, "w") as file:
            for name, labels in setting.maps.items():
                file[name] = labels.astype(np.int64)
    elif place == setting.masks:
        for name in setting.maps:
            (setting.masks / f"{name}.nii.gz").unlink()
            setting.write(name, ending=way)
        (setting.masks / "dataset.json").write_text("{}")  # as nnU-Net leaves beside
    assert setting.measure(place)
    assert setting.folder.cases.read_bytes() == setting.run.cases.read_bytes()
    record = setting.folder.read()
    assert record["masks"] == {name: sha256(labels) for name, labels in setting.maps.items()}
    assert not {"weights.pt", "run.json", "spec.json"} & {path.name for path in setting.folder.path.iterdir()}


def remove(setting):
    (setting.masks / "t0.nii.gz").unlink()


def add(setting):
    setting.write("t0", ending=".mha")


def rename(setting):
    (setting.masks / "t0.nii.gz").rename(setting.masks / "case0.nii.gz")


def crop(setting):
    setting.write("t1", setting.maps["t1"][1:])


def count_on(setting):
    setting.write("t1", setting.maps["t1"] + 7)


def blur(setting):
    setting.write("t1", setting.maps["t1"] * np.float32(0.5))


def lose_numbers(setting):
    setting.write("t1", np.where(setting.maps["t1"], np.nan, 0))


def tear(setting):
    path = setting.masks / "t1.nii.gz"
    path.write_bytes(path.read_bytes()[:100])


def turn(setting):
    for case in setting.cases:
        setting.write(case.name, np.flip(case.label, 3 - setting.dimensions))  # along which the truth is not symmetric


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove, "each of the 2 test cases, named by its case as t0.nii.gz, found none of t0$"),
        (rename, "found none of t0; and what is no test case: case0$"),
        (add, r"one mask of case 't0', found t0\.mha and t0\.nii\.gz$"),
        (crop, r"t1\.nii\.gz: expected the shape .* of case 't1' as it is prepared, found .*--scale"),
        (count_on, r"t1\.nii\.gz, case 't1': expected the classes 0 to \d, found labels 7 to"),
        (blur, r"t1\.nii\.gz, case 't1': expected a label map of whole numbers, found float"),
        (lose_numbers, r"t1\.nii\.gz, case 't1': expected a label map of whole numbers, found float"),
        (tear, r"t1\.nii\.gz cannot be read as a mask"),
        (
            turn,
            r"fit them with their axes in the order \[0, 1, 2\] and then \[[01]\] reversed: Dice .* 1\.00 instead of",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_mask_of_each_test_case_is_refused_and_nothing_is_written(setting, change, said):
    change(setting)
    with pytest.raises(InputError, match=said):
        setting.measure()
    assert not setting.folder.path.exists()


def test_the_same_masks_are_measured_once_and_others_need_another_name(setting):
    assert setting.measure()
    assert not setting.measure()
    before = setting.folder.cases.read_bytes()
    setting.write("t0", setting.cases[0].label)
    with pytest.raises(InputError, match="expected the masks that 'X' was measured with, found others"):
        setting.measure()
    assert setting.folder.cases.read_bytes() == before


@pytest.mark.parametrize("name", ["cases.csv", "guest.json"])
def test_scores_that_were_edited_are_refused(setting, name):
    setting.measure()
    path = setting.folder.path / name
    path.write_text(path.read_text().replace('"X"', '"Y"').replace("t0", "t9"))
    with pytest.raises(InputError, match=rf"{name}: expected .* measure the masks again"):
        setting.folder.read()
