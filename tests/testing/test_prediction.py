"""A scan of the user's own through a trained network; `predict` itself is tested with the evaluation."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from segmenting import DATASETS, as_image, case_t0, make_run

from dmd import cli
from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.testing import prediction
from dmd.testing.own_scans import predict_scan
from dmd.testing.prediction import Segmenter, predict


@pytest.fixture(scope="module", params=[3, 2], ids=["volumes", "slices"])
def trained(request, tiny_store, tmp_path_factory) -> RunFolder:
    run = make_run(tmp_path_factory.mktemp("runs"), request.param)
    predict(run, tiny_store[request.param], "cpu")
    return run


def segmenter(run: RunFolder) -> Segmenter:
    return Segmenter.load(run, DATASETS, "cpu")


def segmented(run: RunFolder, scan, out, **options) -> np.ndarray:
    predict_scan(Segmenter.load(run, DATASETS, "cpu", **options), scan, out)
    return sitk.GetArrayFromImage(sitk.ReadImage(out))


def test_a_test_case_written_as_a_scan_gets_the_mask_it_has_as_a_test_case(trained, tmp_path):
    with h5py.File(trained.predictions) as file:
        expected = file["t0"][()]
    assert len(np.unique(expected)) > 1
    sitk.WriteImage(as_image(trained, case_t0(trained)), tmp_path / "scan.nii.gz")
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["image"] = case_t0(trained)
    axes = (2, 1, 0) if expected.shape[0] == 22 else (0, 1, 2)
    found = segmented(trained, tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz", prepared=True)
    assert np.array_equal(found.transpose(axes), expected)
    assert np.array_equal(segmented(trained, tmp_path / "scan.h5", tmp_path / "mask.nrrd"), found)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_a_turned_and_flipped_scan_gets_the_same_mask_in_its_own_voxels(trained, tmp_path, ending):
    array = np.random.default_rng(1).normal(100, 20, (24, 30, 22)).astype(np.float32)
    image = as_image(trained, array, (0.75, 0.875, 2.5))
    turned = sitk.Flip(sitk.PermuteAxes(image, (1, 2, 0)), (True, False, True))
    sitk.WriteImage(image, tmp_path / f"scan{ending}")
    sitk.WriteImage(turned, tmp_path / f"turned{ending}")
    segmented(trained, tmp_path / f"scan{ending}", tmp_path / f"mask{ending}")
    found = segmented(trained, tmp_path / f"turned{ending}", tmp_path / f"other{ending}")
    mask = sitk.ReadImage(tmp_path / f"mask{ending}")
    assert len(np.unique(found)) > 1
    assert np.array_equal(
        found, sitk.GetArrayFromImage(sitk.Flip(sitk.PermuteAxes(mask, (1, 2, 0)), (True, False, True)))
    )
    assert (mask.GetSpacing(), mask.GetOrigin(), mask.GetDirection(), mask.GetSize(), mask.GetPixelID()) == (
        image.GetSpacing(),
        image.GetOrigin(),
        image.GetDirection(),
        image.GetSize(),
        sitk.sitkUInt8,
    )


def test_other_units_of_intensity_change_nothing(trained, tmp_path):
    array = case_t0(trained)
    sitk.WriteImage(as_image(trained, array), tmp_path / "one.nrrd")
    sitk.WriteImage(as_image(trained, 512 * array + 64), tmp_path / "other.nrrd")
    one = segmented(trained, tmp_path / "one.nrrd", tmp_path / "a.nrrd")
    other = segmented(trained, tmp_path / "other.nrrd", tmp_path / "b.nrrd")
    assert np.mean(one == other) > 0.999  # but for rounding


def test_a_scan_smaller_than_a_patch_is_padded_as_test_cases_are(trained, tmp_path):
    array = case_t0(trained)[:3, :9, :7]
    sitk.WriteImage(as_image(trained, array), tmp_path / "scan.nii")
    assert segmented(trained, tmp_path / "scan.nii", tmp_path / "mask.nii").size == array.size


def test_amounts_are_returned_by_class(trained, tmp_path):
    sitk.WriteImage(as_image(trained, case_t0(trained)), tmp_path / "scan.nrrd")
    found = predict_scan(segmenter(trained), tmp_path / "scan.nrrd", tmp_path / "mask.nrrd")
    mask = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "mask.nrrd"))
    names = DATASETS[trained.read_spec().training["dataset"]["name"]].classes[1:]
    assert found == {name: f"{np.sum(mask == index) * 2 / 1000:.1f} ml" for index, name in enumerate(names, 1)}


def test_an_array_whose_voxels_have_no_known_size_has_no_millilitres(trained, tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["image"] = case_t0(trained)
    found = predict_scan(segmenter(trained), tmp_path / "scan.h5", tmp_path / "mask.nrrd")
    unit = "ml" if trained.read_spec().training["dimensions"] == 3 else "voxels"
    assert {amount.split()[1] for amount in found.values()} == {unit}


def test_background_alone_is_no_answer(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "predict_case", lambda _, image, *rest: np.zeros(image.shape, np.uint8))
    sitk.WriteImage(as_image(trained, case_t0(trained)), tmp_path / "scan.nrrd")
    with pytest.raises(InputError, match=r"scan\.nrrd: expected a scan in which the run finds ring.*found background"):
        predict_scan(segmenter(trained), tmp_path / "scan.nrrd", tmp_path / "mask.nrrd")
    assert not (tmp_path / "mask.nrrd").exists()


def test_the_command_finds_the_facts_in_the_configuration(root, tmp_path, monkeypatch, capsys):
    run = make_run(tmp_path, 3, "synthetic3d")
    sitk.WriteImage(as_image(run, case_t0(run)), tmp_path / "scan.nii.gz")
    monkeypatch.chdir(root)
    out = str(tmp_path / "mask.nii.gz")
    predict = ["predict", str(tmp_path / "scan.nii.gz"), "--out", out, "--device", "cpu"]
    assert cli.main([*predict, "--run", run.id[-4:], "--runs", str(tmp_path)]) == 0
    assert re.fullmatch(rf"{out}: left atrium \d+\.\d ml\n", capsys.readouterr().out)
    first = Path(out).read_bytes()
    assert cli.main([*predict, "--run", str(run.weights)]) == 0
    assert sitk.GetArrayFromImage(sitk.ReadImage(out)).any()
    assert Path(out).read_bytes() == first
    assert cli.main([*predict, "--run", "nobody", "--runs", str(tmp_path)]) == 2
    assert "dmd predict: expected the id of one of the" in capsys.readouterr().err


def test_what_cannot_work_is_refused_before_anything_is_computed(trained, tmp_path):
    scan = tmp_path / "scan.nrrd"
    sitk.WriteImage(as_image(trained, case_t0(trained)), scan)
    name = trained.read_spec().training["dataset"]["name"]
    newer = {name: DATASETS[name].model_copy(update={"revision": 2})}
    moved, folder = RunFolder(tmp_path / trained.id), tmp_path / "mask.nii"
    folder.mkdir()
    moved.write_spec(trained.read_spec())
    for run, out, datasets, message in (
        (
            trained,
            tmp_path / "mask.png",
            DATASETS,
            r"expected a file that ends in \.nii\.gz, \.nii, \.nrrd, \.mha, found",
        ),
        (trained, tmp_path / "nowhere" / "mask.nrrd", DATASETS, "expected the folder .*nowhere for the mask"),
        (trained, scan, DATASETS, "expected another path for the mask"),
        (trained, folder, DATASETS, "expected a file name for the mask, found the folder"),
        (trained, tmp_path / "mask.nrrd", {}, f"found '{name}'"),
        (trained, tmp_path / "mask.nrrd", newer, "expected revision 2 .* found a run on revision 1"),
        (moved, tmp_path / "mask.nrrd", DATASETS, "train the run first"),
        (RunFolder(tmp_path / "la-8-dmd-0"), tmp_path / "mask.nrrd", DATASETS, r"spec\.json, found no file"),
    ):
        with pytest.raises(InputError, match=message):
            predict_scan(Segmenter.load(run, datasets, "cpu"), scan, out)
    assert scan.stat().st_size
    assert not (tmp_path / "mask.nrrd").exists()
