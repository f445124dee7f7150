"""A folder of scans: all of them, once each, whatever is bad among them and whenever the call is stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from segmenting import DATASETS, as_image, case_t0, make_run, write_weights

from dmd import cli
from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.testing.own_scans import predict_folder, predict_scan
from dmd.testing.prediction import Segmenter

NAMES = ("a.nii.gz", "b.nrrd", "c.nii")


@pytest.fixture(scope="module", params=[3, 2], ids=["volumes", "slices"])
def either(request, tmp_path_factory) -> RunFolder:
    return make_run(tmp_path_factory.mktemp("runs"), request.param)


@pytest.fixture
def run(tmp_path) -> RunFolder:
    """One whose data set the configuration knows."""
    return make_run(tmp_path / "runs", 3, "synthetic3d")


@pytest.fixture
def scans(tmp_path, run) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        sitk.WriteImage(as_image(run, np.roll(case_t0(run), 3 * number, axis=0)), folder / name)
    return folder


@pytest.fixture
def call(tmp_path, run, root, monkeypatch):
    """Return a function that segments the folder by the command and returns its status."""
    monkeypatch.chdir(root)
    words = ["predict", str(tmp_path / "scans"), "--run", str(run.path), "--device", "cpu"]
    return lambda *more, out="masks": cli.main([*words, "--out", str(tmp_path / out), *more])


def masks(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "predictions.json"}


def forbid(monkeypatch) -> None:
    def segment(*_, **__):
        raise AssertionError("segmented again")

    monkeypatch.setattr(Segmenter, "segment", segment)


def test_a_folder_gets_the_masks_its_scans_get_one_by_one_and_gets_them_once(
    call, run, scans, tmp_path, monkeypatch, capsys, root
):
    assert call() == 0
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()] == [str(tmp_path / "masks" / name) for name in NAMES]
    assert "3/3 c.nii" in said.err
    for name in NAMES:
        assert cli.main(f"predict {scans / name} --run {run.path} --out {tmp_path / name}".split()) == 0
        assert (tmp_path / name).read_bytes() == (tmp_path / "masks" / name).read_bytes()
    capsys.readouterr()
    forbid(monkeypatch)
    assert call() == 0
    assert capsys.readouterr().out == said.out
    sitk.WriteImage(as_image(run, case_t0(run)), scans / "d.nrrd")
    with pytest.raises(AssertionError, match="segmented again"):  # the new one is not taken for done
        call()


def test_bad_files_are_told_at_the_end_and_stop_nothing(call, run, scans, tmp_path, capsys, monkeypatch):
    (scans / "a0.nii.gz").write_text("no scan")
    (scans / "b0.nrrd").write_bytes((scans / "b.nrrd").read_bytes()[:-100])
    (scans / "c0.h5").write_text("no scan")
    (scans / "d.nrrd").symlink_to("nowhere.nrrd")
    (scans / "notes.txt").touch()
    real = Segmenter.segment

    def fail_of_b(self, scan, **options):
        if scan.name == "b.nrrd":
            raise RuntimeError("a library has no words")
        return real(self, scan, **options)

    monkeypatch.setattr(Segmenter, "segment", fail_of_b)
    assert call() == 2
    said = capsys.readouterr()
    assert sorted(masks(tmp_path / "masks")) == [".predictions.json.lock", "a.nii.gz", "c.nii"]
    assert len(said.out.splitlines()) == 2
    summary = said.err[said.err.index("dmd predict: 5 of 7 scans have no mask:") :].splitlines()[1:]
    assert [line.split(":")[0].strip() for line in summary] == ["a0.nii.gz", "b.nrrd", "b0.nrrd", "c0.h5", "d.nrrd"]
    assert str(scans / "a0.nii.gz") + " cannot be read as a scan" in summary[0]
    assert summary[1] == "  b.nrrd: a library has no words"
    assert "d.nrrd cannot be read: No such file" in summary[4]
    assert "1 left aside, no scans by their names: notes.txt" in said.err


def test_a_scan_that_fails_without_a_word_has_a_reason(run, scans, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Segmenter, "segment", fail)
    segmenter = Segmenter.load(run, {"synthetic3d": DATASETS["tiny3d"]}, "cpu")
    _, failed = predict_folder(segmenter, scans, tmp_path / "masks")
    assert list(failed.values()) == ["MemoryError"] * len(NAMES)


KILLED = """
import os, signal, sys
from dmd import cli
from dmd.testing import ledger, own_scans
place, name, calls = *sys.argv[1].split("."), []
module = {"ledger": ledger, "own_scans": own_scans}[place]
real = getattr(module, name)

def at_the_second(*given):
    calls.append(given)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given)

setattr(module, name, at_the_second)
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("moment", ["own_scans.write_mask", "ledger.write_json", "own_scans.replacing"])
def test_killed_in_the_middle_it_goes_on_to_the_same_masks(call, run, scans, tmp_path, root, moment):
    """While the second mask is made, entered or put in its place."""
    assert call(out="undisturbed") == 0
    words = f"predict {scans} --run {run.path} --out {tmp_path / 'masks'} --device cpu".split()
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", KILLED, moment, *words], cwd=root, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert [name for name in NAMES if (tmp_path / "masks" / name).exists()] == ["a.nii.gz"]
    before = (tmp_path / "masks/a.nii.gz").stat().st_mtime_ns
    assert call() == 0
    assert masks(tmp_path / "masks") == masks(tmp_path / "undisturbed")
    assert (tmp_path / "masks/a.nii.gz").stat().st_mtime_ns == before


@pytest.mark.parametrize("moment", ["own_scans.replacing", "ledger.write_json"])
def test_stopped_about_an_entry_there_is_no_mask_yet_and_the_next_call_makes_it(
    call, tmp_path, monkeypatch, scans, moment
):
    def stop(*_):
        raise KeyboardInterrupt

    assert call("--probabilities") == 0
    before = masks(tmp_path / "masks")
    (tmp_path / "masks/a.probabilities.nii.gz").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(f"dmd.testing.{moment}", stop)
        with pytest.raises(SystemExit):
            call("--probabilities")
    assert not (tmp_path / "masks/a.nii.gz").exists()
    assert call("--probabilities") == 0
    assert masks(tmp_path / "masks") == before


def test_a_mask_of_other_weights_or_another_way_is_not_passed_off(call, run, scans, tmp_path, capsys):
    assert call() == 0
    before = masks(tmp_path / "masks")
    assert call("--prepared") == 2
    assert f"found masks of {run.id} with another prepared; name another folder" in capsys.readouterr().err
    write_weights(run, seed=1)
    assert call() == 2
    assert f"found masks of {run.id} with another weights" in capsys.readouterr().err
    assert masks(tmp_path / "masks") == before


def test_an_edited_mask_is_left_and_a_mask_of_a_changed_scan_is_not(call, run, scans, tmp_path, capsys):
    assert call() == 0
    edited = tmp_path / "masks/a.nii.gz"
    edited.write_bytes(b"by hand")
    (tmp_path / "masks/z.nrrd").write_bytes(b"from elsewhere")
    for name in ("b.nrrd", "z.nrrd"):
        sitk.WriteImage(as_image(run, -case_t0(run)), scans / name)
    (scans / "c.nii").write_text("no scan any more")
    capsys.readouterr()
    assert call() == 2
    said = capsys.readouterr().err
    assert said.count("found another: edited, or from elsewhere") == 2
    assert edited.read_bytes() == b"by hand"
    assert (tmp_path / "masks/z.nrrd").read_bytes() == b"from elsewhere"
    assert not (tmp_path / "masks/c.nii").exists()
    assert cli.main(f"predict {scans / 'b.nrrd'} --run {run.path} --out {tmp_path / 'b.nrrd'}".split()) == 0
    assert (tmp_path / "masks/b.nrrd").read_bytes() == (tmp_path / "b.nrrd").read_bytes()


def test_scans_of_another_folder_take_no_masks_away(call, run, scans, tmp_path, capsys):
    """Two hospitals number their patients from 1."""
    assert call() == 0
    before = masks(tmp_path / "masks")
    site = tmp_path / "site"
    site.mkdir()
    sitk.WriteImage(as_image(run, -case_t0(run)), site / "a.nii.gz")
    (site / "b.nrrd").write_bytes((scans / "b.nrrd").read_bytes())
    capsys.readouterr()
    assert cli.main(f"predict {site} --run {run.path} --out {tmp_path / 'masks'} --device cpu".split()) == 2
    said = capsys.readouterr()
    assert f"masks of the scans of {site}, found that of another a.nii.gz, from {scans}." in said.err
    assert [line.split(":")[0] for line in said.out.splitlines()] == [str(tmp_path / "masks/b.nrrd")]  # the same scan
    assert masks(tmp_path / "masks") == before


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_probabilities_lie_in_the_scans_voxels_and_their_largest_is_the_mask(either, tmp_path, ending):
    array = np.random.default_rng(1).normal(100, 20, (24, 30, 22)).astype(np.float32)
    scan, out = tmp_path / f"scan{ending}", tmp_path / f"mask{ending}"
    sitk.WriteImage(sitk.Flip(as_image(either, array, (0.75, 0.875, 2.5)), (True, False, False)), scan)
    segmenter = Segmenter.load(either, DATASETS, "cpu")
    found = predict_scan(segmenter, scan, out, probabilities=True)
    image, mask = sitk.ReadImage(tmp_path / f"mask.probabilities{ending}"), sitk.ReadImage(out)
    shares = sitk.GetArrayFromImage(image)
    assert shares.dtype == np.float32
    assert shares.shape == (len(found) + 1, *sitk.GetArrayFromImage(mask).shape)
    assert shares.sum(axis=0) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(shares.argmax(axis=0), sitk.GetArrayFromImage(mask))
    assert image.GetSpacing()[:3] == mask.GetSpacing()
    assert image.GetOrigin()[:3] == mask.GetOrigin()
    predict_scan(segmenter, scan, tmp_path / f"plain{ending}")
    assert (tmp_path / f"plain{ending}").read_bytes() == out.read_bytes()
    if ending == ".nii.gz":
        affines = [nibabel.load(path).affine for path in (out, tmp_path / "mask.probabilities.nii.gz")]
        assert np.array_equal(*affines)


def test_probabilities_asked_for_later_are_made_and_go_with_their_scan(call, run, scans, tmp_path):
    assert call() == 0
    before = masks(tmp_path / "masks")
    assert call("--probabilities") == 0
    after = masks(tmp_path / "masks")
    assert before.items() <= after.items()
    added = set(after) - set(before)
    assert added == {"a.probabilities.nii.gz", "b.probabilities.nrrd", "c.probabilities.nii"}
    (tmp_path / "masks/a.nii.gz").unlink()
    sitk.WriteImage(as_image(run, -case_t0(run)), scans / "b.nrrd")
    assert call() == 0
    without = masks(tmp_path / "masks")
    assert set(after) - set(without) == {"b.probabilities.nrrd"}  # which is of another scan
    assert without["a.nii.gz"] == after["a.nii.gz"]
    assert call("--probabilities") == 0


def test_folders_that_cannot_work_are_refused(run, scans, tmp_path):
    segmenter = Segmenter.load(run, {"synthetic3d": DATASETS["tiny3d"]}, "cpu")
    empty, file, twins = tmp_path / "empty", tmp_path / "file", tmp_path / "twins"
    for folder in (empty, twins):
        folder.mkdir()
    (empty / "notes.txt").touch()
    file.touch()
    (twins / "a.nii.gz").touch()
    with h5py.File(twins / "a.h5", "w") as made:
        made["image"] = case_t0(run)
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "predictions.json").write_text("[]")
    for folder, out, message in (
        (scans, scans, "expected another folder than"),
        (scans, file, "expected another folder than"),
        (scans, tmp_path / "mask.nii.gz", "expected another folder than"),
        (empty, tmp_path / "out", r"expected scans in .*empty itself that end in .*, found notes.txt"),
        (twins, tmp_path / "out", r"names of their own, found two for a\.nii\.gz"),
        (scans, odd, "expected at .*predictions.json what `dmd predict` wrote"),
    ):
        with pytest.raises(InputError, match=message):
            predict_folder(segmenter, folder, out)
    assert not (tmp_path / "out").exists()
