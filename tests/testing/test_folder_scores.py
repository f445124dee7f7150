"""Test cases of a folder are scored on the grid of their scans, with the very masks that `dmd predict` writes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import torch
from own_folder import as_data_set, write_folder
from records import vouch_for

from dmd import cli
from dmd.data.own import Own
from dmd.data.prepare import prepare
from dmd.data.sources import la
from dmd.data.store import Case, load_store
from dmd.errors import InputError
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning.identity import Spec
from dmd.planning.splits import checksum, load_split
from dmd.runs.folder import RunFolder
from dmd.runs.tensors import save_tensors
from dmd.terminal.options import Configuration
from dmd.testing.evaluation import as_scored, evaluate_run
from dmd.testing.label_maps import read_predictions
from dmd.testing.masks import read_masks
from dmd.testing.metrics import evaluate
from dmd.testing.prediction import predict

CONVOLUTIONS = (torch.nn.Conv2d, torch.nn.Conv3d)


def with_weights(folder: Path, spec: Spec) -> RunFolder:
    """Return a run whose network, hardly made, says each class somewhere."""
    run = RunFolder(folder / spec.id)
    run.write_spec(spec)
    torch.manual_seed(0)
    network = make(spec.training["method"], Build.from_settings(spec.training)).network.train()
    head = [module for module in network.modules() if isinstance(module, CONVOLUTIONS)][-1]
    with torch.no_grad():
        for _ in range(20):
            logits = network(torch.randn(4, 1, *spec.training["patch"]))
        head.bias -= logits.transpose(0, 1).flatten(1).median(dim=1).values
    save_tensors(run.weights, {f"network.{name}": tensor for name, tensor in network.state_dict().items()})
    vouch_for(run)
    return run


def lines(run: RunFolder) -> list[dict[str, str]]:
    return list(csv.DictReader(run.cases.read_text().splitlines()))


@pytest.mark.parametrize("dimensions", [3, 2], ids=["volumes", "slices"])
def test_a_case_is_scored_in_its_own_voxels_with_the_mask_that_predict_writes(dimensions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Configuration.plan.cache_clear()  # what `liver.yaml` says differs from test to test
    write_folder(Path("mine"), scans=7, annotated=6)
    for number in (0, 4):  # cubes, which have no slices
        for path in Path("mine").rglob(f"case{number:02d}*"):
            path.unlink()
    for path in Path("mine/labelsTr").iterdir():  # as a program for pictures would have it
        label = sitk.ReadImage(path)
        sitk.WriteImage(sitk.Cast(sitk.ChangeLabel(label, {1: 85, 2: 170, 3: 255}), sitk.sitkUInt8), path)
    Path("mine/dataset.json").unlink()
    words = ["--name", "liver", "--scale", "smoke", "--dimensions", str(dimensions)]
    assert cli.main(["data", "init", "mine", *words]) == 0
    _, plan = Configuration((Path("liver.yaml"),)).plan()
    planned = plan.runs[plan.artefacts["smoke/liver"].runs[0]]
    assert cli.main(["step", "prepare", planned.store, "mine", "--configfile", "liver.yaml"]) == 0
    assert cli.main(["step", "check", planned.store, "--configfile", "liver.yaml"]) == 0
    assert cli.main(["step", "mosaic", planned.store, "--configfile", "liver.yaml"]) == 0
    run = with_weights(Path("results/runs"), planned.spec)
    assert cli.main(["step", "test", run.id, "--device", "cpu", "--configfile", "liver.yaml"]) == 0
    case = load_split(Path("liver.split.json")).parts["test"][0]
    scan, mask = f"mine/imagesTr/{case}_0000.nii.gz", "mask.nii.gz"
    words = ["--run", run.id, "--device", "cpu", "--configfile", "liver.yaml"]
    assert cli.main(["predict", *words, scan, "--out", mask]) == 0
    found, truth = (sitk.ReadImage(path) for path in (mask, f"mine/labelsTr/{case}.nii.gz"))
    assert (found.GetSize(), found.GetSpacing()) == (truth.GetSize(), truth.GetSpacing())
    mine, theirs = (sitk.GetArrayFromImage(image) for image in (found, truth))
    assert set(np.unique(mine)) <= {0, 85, 170, 255}
    assert len(np.unique(mine)) > 2
    said = [line for line in lines(run) if line["post_processing"] == "none"]
    assert [line["case"] for line in said] == [case] * 3
    for line, value in zip(said, (85, 170, 255), strict=True):
        scores = evaluate(mine == value, theirs == value, found.GetSpacing()[::-1])
        for name in ("dice", "jaccard", "hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm"):
            expected = getattr(scores, name)
            assert float(line[name] or "nan") == pytest.approx(expected, rel=1e-9, nan_ok=True)
    # Masks made elsewhere are measured where those of runs are.
    Path("masks").mkdir()
    Path(mask).rename(f"masks/{case}.nii.gz")
    words = [
        "--name",
        "Ours",
        "--dataset",
        "liver",
        "--labelled",
        "2",
        "--scale",
        "smoke",
        "--configfile",
        "liver.yaml",
    ]
    assert cli.main(["evaluate", "--predictions", "masks", *words]) == 0
    (guest,) = Path("results/guests").iterdir()
    assert (guest / "cases.csv").read_bytes() == run.cases.read_bytes()
    # A stanza that prepares scans in another way is not that of the run.
    Path("other.yaml").write_text(Path("liver.yaml").read_text().replace("z_score", "z_score_box"))
    words = ["--run", run.id, "--device", "cpu", "--configfile", "other.yaml"]
    assert cli.main(["predict", *words, scan, "--out", "other.nii.gz"]) == 2


def test_left_atria_as_a_folder_score_as_by_their_own_reader(real_data, tmp_path, root):
    """Three real scans, one in a file with other axes: the same masks to 1e-4 of the voxels, the same scores."""
    names = list(load_split(root / "config/splits/la.json").parts["train"][:3])
    folder = tmp_path / "la"
    for number, name in enumerate(names):
        for what, array in zip(("images", "labels"), la.read(real_data / "la", name), strict=True):
            image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
            image.SetSpacing((0.625, 0.625, 0.625))
            if number % 2:
                image = sitk.Flip(sitk.PermuteAxes(image, (2, 0, 1)), (False, True, True))
            path = folder / f"{what}Tr" / f"{name}{'_0000' if what == 'images' else ''}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(image, path)
    facts = {"classes": ["background", "left atrium"], "spacing_mm": [0.625] * 3}
    own = {"labels": [0, 1], "intensities": "unchanged"}
    described = as_data_set(folder, names[:1], names[1:], [], "atria", **facts, **own)
    split = json.loads((tmp_path / "la.split.json").read_text())
    public_split = {"name": "la", "source": "", "sha256": checksum(split["parts"]), "parts": split["parts"]}
    (tmp_path / "public.json").write_text(json.dumps(public_split))
    public = {
        "dataset": facts | {"revision": 1, "reader": "la", "dimensions": 3, "split": str(tmp_path / "public.json")},
        "identity": {"name": "la", "revision": 1, "downsample": [1, 1, 1], "split": public_split["sha256"]},
    }
    found = {}
    for source, description in ((folder, described), (real_data / "la", public)):
        training = Configuration().plan()[1].runs["la-8-supervised-1d5d61c1f0"].spec.training
        small = {"network": {"kind": "vnet", "width": 2}, "dataset": description["identity"], "patch": [64, 64, 64]}
        run = with_weights(tmp_path / "runs", Spec(training | small, {"stride": [64, 64, 64]}))
        store = tmp_path / f"{description['dataset']['reader']}.h5"
        prepare(description, source, store)
        predict(run, store, "cpu")
        evaluate_run(run, store)
        found[source] = run, store
    (one, one_store), (other, other_store) = found.values()
    for (case, mine), (_, theirs) in zip(maps(one, one_store), maps(other, other_store), strict=True):
        assert 0 < mine.mean() < 1
        assert np.mean(mine != theirs) <= 1e-4, case.name
    for mine, theirs in zip(lines(one), lines(other), strict=True):
        assert {key: value for key, value in mine.items() if "voxel" not in key and "mm" not in key} == {
            key: value for key, value in theirs.items() if "voxel" not in key and "mm" not in key
        }
        for name in ("hd95_voxel", "asd_voxel", "hd95_mm", "asd_mm"):
            assert float(mine[name]) == pytest.approx(float(theirs[name]), rel=1e-6)


def test_a_mask_of_another_grid_than_the_scans_is_refused(tmp_path):
    label = np.zeros((2, 2, 2), np.uint8)
    own = Own(label, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(np.eye(3).ravel()))
    case = as_scored(Case("a", "a", label.astype(np.float32), label[:1], (2.0, 1.0, 1.0), own))
    sitk.WriteImage(sitk.GetImageFromArray(label[:, :, :1]), tmp_path / "a.nii.gz")
    with pytest.raises(InputError, match="expected the shape 2x2x2 of case 'a' in its own file, found 1x2x2"):
        read_masks(tmp_path, [case], range(2), 3)


def maps(run: RunFolder, store: Path):
    spec = run.read_spec()
    return list(read_predictions(run, spec, load_store(store, spec.training["dataset"], parts=["test"]).cases("test")))
