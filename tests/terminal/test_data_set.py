"""`dmd data`: all that is wrong with a folder is said and nothing written; what is right becomes ten lines."""

import json
import re
import shlex
import shutil

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import yaml
from own_folder import LABELS, write_folder

from dmd import cli
from dmd.planning.splits import load_split


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Six scans, the first five annotated."""
    return write_folder(tmp_path_factory.mktemp("folder") / "Dataset042", scans=6, annotated=5)


@pytest.fixture
def folder(whole, tmp_path, monkeypatch):
    """A copy of the folder to be spoilt, in a project."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole, tmp_path / "mine")
    return tmp_path / "mine"


def image(number: int, what: str = "imagesTr") -> str:
    return f"{what}/case{number:02d}{'_0000' if what.startswith('images') else ''}.nii.gz"


def changed(name: str, change):
    """Return what writes a file anew as ``change`` makes it of what it is."""
    return lambda folder: sitk.WriteImage(change(sitk.ReadImage(folder / name)), folder / name)


def array(function):
    """Return a change of an image that keeps its geometry."""

    def change(image):
        made = sitk.GetImageFromArray(function(sitk.GetArrayFromImage(image)))
        made.CopyInformation(image)
        return made

    return change


def set_to(what: str, value):
    def change(image):
        getattr(image, f"Set{what}")(value)
        return image

    return change


def with_nan(values):
    values[3, 2, 1] = np.nan
    return values


def with_seven(values):
    values[0, 0, 0] = 7
    return values


def header(name: str, change):
    """Return what spoils the header of a NIfTI file, which no library would write."""

    def spoil(folder):
        path = folder / name
        plain = folder / "plain.nii"
        nibabel.save(nibabel.load(path), plain)
        content = bytearray(plain.read_bytes())
        change(content)
        plain.unlink()
        path.unlink()
        (folder / name.removesuffix(".gz")).write_bytes(content)

    return spoil


def zero_pixdim(content):
    content[80:84] = np.float32(0).tobytes()  # pixdim[1], nifti1.h


def describe(**changes):
    return lambda folder: (folder / "dataset.json").write_text(
        json.dumps(json.loads((folder / "dataset.json").read_text()) | changes)
    )


def copied(source: str, target: str):
    def copy(folder):
        (folder / target).parent.mkdir(exist_ok=True)
        shutil.copy(folder / source, folder / target)

    return copy


def keep_labels(count: int):
    def drop(folder):
        for number in range(count, 5):
            (folder / image(number, "labelsTr")).unlink()

    return drop


def without_tumour(folder):
    for number in range(5):
        changed(image(number, "labelsTr"), array(lambda values: np.where(values == 3, 0, values)))(folder)


LABEL, IMAGE = image(1, "labelsTr"), image(1)
BAD = {
    "a label without an image": (
        copied(LABEL, "labelsTr/stray.nii.gz"),
        r"labelsTr/stray\.nii\.gz: expected an image of the same name in imagesTr, found none",
    ),
    "another size": (
        changed(LABEL, lambda label: label[:-1]),
        r"case01\.nii\.gz: expected the size of its image, 58x58x18, found 57x58x18",
    ),
    "another place": (
        changed(LABEL, set_to("Origin", (0.0, 0.0, 0.0))),
        r"case01\.nii\.gz: expected the place of its image, found it [\d.]+ mm elsewhere",
    ),
    "other directions": (
        changed(LABEL, set_to("Direction", np.eye(3).ravel().tolist())),
        r"case01\.nii\.gz: expected axes in the directions of its image's",
    ),
    "other voxels": (
        changed(LABEL, set_to("Spacing", (1.0, 1.0, 1.0))),
        r"case01\.nii\.gz: expected the voxels of its image, .* mm, found 1 x 1 x 1 mm",
    ),
    "a film": (
        changed(IMAGE, lambda scan: sitk.JoinSeries([scan, scan])),
        r"case01_0000\.nii\.gz: expected one volume with 3 axes, found size",
    ),
    "colours": (
        changed(IMAGE, lambda scan: sitk.Cast(sitk.Compose(*[scan] * 3), sitk.sitkVectorUInt8)),
        r"case01_0000\.nii\.gz: expected",
    ),
    "no number": (
        changed(IMAGE, array(with_nan)),
        r"case01_0000\.nii\.gz: expected finite numbers, found 1 NaN or infinite, the first at \(1, 2, 3\)",
    ),
    "nothing to see": (
        changed(IMAGE, array(np.ones_like)),
        r"case01_0000\.nii\.gz: expected a scan with different intensities, found 1\.0 everywhere",
    ),
    "no spacing": (header(IMAGE, zero_pixdim), r"case01_0000\.nii: expected the edges of a voxel, found pixdim \[0\.0"),
    "an unknown label": (
        changed(LABEL, array(with_seven)),
        r"case01\.nii\.gz: expected the labels 0, 1, 2, 3, found 7 too",
    ),
    "half a label": (
        changed(LABEL, array(lambda values: values * np.float32(0.5))),
        r"case01\.nii\.gz: expected whole numbers as labels, found 0\.5",
    ),
    "a patient twice": (
        lambda folder: (copied(IMAGE, image(1, "imagesTs"))(folder), copied(LABEL, image(1, "labelsTs"))(folder)),
        r"imagesTs/case01_0000\.nii\.gz: expected each patient in imagesTr or imagesTs, found 'case01' in both",
    ),
    "an image twice": (
        copied(IMAGE, "imagesTr/other_0000.nii.gz"),
        r"case01_0000\.nii\.gz: expected another image in every file, found the same in imagesTr/other_0000\.nii\.gz",
    ),
    "a file twice": (
        changed(IMAGE, lambda scan: sitk.WriteImage(scan, "mine/imagesTr/case01_0000.mha") or scan),
        r"imagesTr: expected one file for 'case01', found imagesTr/case01_0000\.mha, imagesTr/case01_0000\.nii\.gz",
    ),
    "tests without labels": (
        copied(IMAGE, "imagesTs/test_0000.nii.gz"),
        r"imagesTs/test_0000\.nii\.gz: expected its label in labelsTs, found none",
    ),
    "no labels": (keep_labels(0), r"mine: expected labels of some of the scans, found none"),
    "too few labels": (
        keep_labels(2),
        r"expected at least 2 annotated scans to learn from, .* found 1 annotated and 4 without a label",
    ),
    "a class that nobody has": (
        without_tumour,
        r"expected label 3 \('tumour'\) in an annotated scan that is learnt from, found it in none",
    ),
    "a thin volume": (
        changed(image(5), lambda scan: scan[:, :, :10]),
        r"case05_0000\.nii\.gz: expected at least the .* voxels of a patch at the working spacing of .* mm, found",
    ),
    "a picture": (
        copied("dataset.json", "imagesTr/thumbs.png"),
        r"thumbs\.png: expected a file that ends in \.nii\.gz, \.nii, \.nrrd, \.mha, found another",
    ),
    "a second channel": (
        copied(IMAGE, "imagesTr/case01_0001.nii.gz"),
        r"case01_0001\.nii\.gz: expected the one channel",
    ),
    "two channels": (describe(channel_names={"0": "T1", "1": "T2"}), r"dataset\.json: expected one channel, found"),
    "a region": (
        describe(labels={"background": 0, "whole": [1, 2]}),
        r"dataset\.json: expected one whole number for each",
    ),
    "an ignored label": (
        describe(labels=LABELS | {"ignore": 4}),
        r"dataset\.json: expected scans that are annotated whole",
    ),
    "no JSON": (lambda folder: (folder / "dataset.json").write_text("{"), r"dataset\.json: expected JSON, found"),
    "another layout": (
        lambda folder: (folder / "imagesTr").rename(folder / "scans"),
        r"expected imagesTr/ and labelsTr/",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_and_nothing_is_written(what, folder, capsys):
    spoil, message = BAD[what]
    spoil(folder)
    before = sorted(folder.parent.rglob("*"))
    assert cli.main(["data", "init", "mine", "--name", "liver"]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert sorted(folder.parent.rglob("*")) == before


def test_all_faults_are_said_at_once(folder, capsys):
    for what in ("no number", "an unknown label", "a label without an image", "a patient twice"):
        if what == "an unknown label":
            changed(image(2, "labelsTr"), array(with_seven))(folder)
        else:
            BAD[what][0](folder)
    assert cli.main(["data", "check", "mine"]) == 2
    said = capsys.readouterr()
    assert "mine: nnU-Net's layout" in said.out
    found = [line.split(":")[0].split("/")[-1] for line in said.err.splitlines() if line.startswith("  ")]
    assert sorted(found) == ["case01_0000.nii.gz"] * 3 + ["case02.nii.gz", "stray.nii.gz"]


def test_a_folder_becomes_ten_lines_and_a_split_that_are_planned(folder, capsys):
    assert cli.main(["data", "init", "mine", "--name", "liver", "--scale", "smoke"]) == 0
    said = capsys.readouterr().out
    assert "annotated      5\n  unlabelled     1\n" in said
    assert "learnt from    4 with their labels, 1 without" in said
    assert re.search(
        r"a run of DMD   [\d.]+ GB of memory at least, time unknown, no step of its kind was measured", said
    )
    lines = (folder.parent / "liver.yaml").read_text().splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 120
    split = load_split(folder.parent / "liver.split.json")
    assert (len(split.parts["train"]), len(split.parts["test"]), split.parts["unlabelled"]) == (4, 1, ("case05",))
    assert cli.main(["plan", "--configfile", "liver.yaml", "smoke/liver"]) == 0
    assert "2 runs: 2 missing" in capsys.readouterr().out
    # It stands in one scale only, and whoever builds it at another is told so.
    words = ["plan", "--configfile", "liver.yaml", "--config", "build=[liver]", "--config", "scale=half"]
    assert cli.main(words) == 2
    assert "artefact 'liver' at scale 'half', found them at smoke" in capsys.readouterr().err


def test_another_seed_sets_others_aside_and_what_is_there_is_never_written_over(folder, capsys):
    for name, seed in (("one", "1"), ("same", "1"), ("two", "2")):
        assert cli.main(["data", "init", "mine", "--name", name, "--seed", seed]) == 0
    splits = [load_split(folder.parent / f"{name}.split.json") for name in ("one", "same", "two")]
    assert splits[0].sha256 == splits[1].sha256 != splits[2].sha256
    assert cli.main(["data", "init", "mine", "--name", "one"]) == 2
    assert "expected no file at one.yaml yet" in capsys.readouterr().err
    for name, message in (
        ("la", "does not have yet, found 'la'"),
        ("My Set", "expected a name of"),
        ("42", "no word of YAML"),
    ):
        assert cli.main(["data", "init", "mine", "--name", name]) == 2
        assert message in capsys.readouterr().err


def test_tests_of_the_folders_own_are_the_tests(folder, capsys):
    for what in ("images", "labels"):
        (folder / f"{what}Ts").mkdir()
        (folder / image(3, f"{what}Tr")).rename(folder / image(3, f"{what}Ts"))
    assert cli.main(["data", "init", "mine", "--name", "liver"]) == 0
    assert load_split(folder.parent / "liver.split.json").parts["test"] == ("case03",)


def test_a_pair_of_folders_with_any_labels_needs_no_description(folder, capsys):
    (folder / "dataset.json").unlink()
    for what in ("images", "labels"):
        (folder / f"{what}Tr").rename(folder / what)
    for number in range(6):
        (folder / f"images/case{number:02d}_0000.nii.gz").rename(folder / f"images/case{number:02d}.nii.gz")
    for number in range(5):
        changed(image(number, "labels").replace("_0000", ""), array(lambda values: 255 * (values > 0)))(folder)
    assert cli.main(["data", "init", "mine", "--name", "liver"]) == 0
    facts = yaml.safe_load((folder.parent / "liver.yaml").read_text())["datasets"]["liver"]
    assert (facts["classes"], facts["labels"]) == (["background", "label 255"], [0, 255])


def test_slices_follow_the_other_protocol_and_are_not_resampled(folder, capsys):
    for number in (0, 4):  # their voxels are cubes: nothing says which way the slices lie
        for path in (folder / image(number), folder / image(number, "labelsTr")):
            path.unlink()
    assert cli.main(["data", "init", "mine", "--name", "liver", "--dimensions", "2", "--scale", "smoke"]) == 0
    stanza = yaml.safe_load((folder.parent / "liver.yaml").read_text())
    assert stanza["datasets"]["liver"]["spacing_mm"] is None
    scaled = stanza["scales"]["smoke"]["datasets"]["liver"]
    assert (scaled["protocol"], scaled["selection"], scaled["patch"]) == ("acdc", "last", [32, 32])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--intensities", "ct"], "expected --window LOW HIGH with --intensities ct"),
        (["--window", "0", "100"], "expected --window LOW HIGH with --intensities ct"),
        (["--intensities", "ct", "--window", "5000", "6000"], "within the window from 5000 to 6000, found"),
        (["--dimensions", "2", "--patch", "32", "32", "16"], "expected no --spacing or --patch with slices"),
        (["--dimensions", "2"], "case00_0000.nii.gz: expected slices, one axis of coarser voxels"),
        (["--patch", "64", "64", "16"], "expected at least the 64x64x16 voxels of a patch"),
        (["--patch", "30", "30", "16"], "expected 3 multiples of 16"),
        (["--scale", "huge"], "unknown scale 'huge'"),
        (["--seed", "0"], "--seed: expected 1 or more"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(words, message, folder, capsys):
    assert cli.main(["data", "init", "mine", "--name", "liver", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(folder.parent.glob("liver*"))


def test_the_next_commands_can_be_pasted_whatever_the_folder_is_called(folder, capsys):
    words = ["--name", "liver", "--scale", "smoke", "--into", "my sets"]
    assert cli.main(["data", "init", "mine", *words]) == 0
    plan, snakemake = map(shlex.split, capsys.readouterr().out.splitlines()[-2:])
    assert plan == ["dmd", "plan", "--configfile", "my sets/liver.yaml", "smoke/liver"]
    assert snakemake[3:5] == ["--configfile", "my sets/liver.yaml"]


def test_of_too_few_scans_no_less_than_none_is_learnt_from(folder, capsys):
    """A batch wants two labels; one of the two that there are is set aside, and nobody is left without."""
    keep_labels(2)(folder)
    for number in range(2, 6):
        (folder / image(number)).unlink()
    assert cli.main(["data", "check", "mine"]) == 2
    assert "learnt from    1 with their labels, 0 without\n" in capsys.readouterr().out
