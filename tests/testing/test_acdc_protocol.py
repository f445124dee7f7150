"""The published protocol of ACDC on the real scans: SciPy and MedPy say what ours must give."""

import json

import numpy as np
import pytest
import torch
from conftest import tiny_training
from scipy import ndimage
from torch import Tensor, nn

from dmd.data.batches import Batches
from dmd.data.prepare import prepare
from dmd.data.sources import acdc
from dmd.data.store import Case, load_store, write_store
from dmd.planning import config, describe, plan
from dmd.report.statistics import average
from dmd.report.tested import read_run
from dmd.testing import prediction
from dmd.testing.evaluation import evaluate_run

pytestmark = pytest.mark.slow

PATIENTS = ("patient071", "patient022", "patient097")
CENTRES = torch.tensor([0.0, 0.25, 0.45, 0.65])[:, None, None]


class Thresholds(nn.Module):
    """Stands in for a network: the class whose brightness is nearest that of the blurred image."""

    def forward(self, images: Tensor) -> Tensor:
        blurred = nn.functional.avg_pool2d(images, 9, stride=1, padding=4)
        return torch.softmax(-100 * (blurred - CENTRES).square(), dim=1)


def published_labels(image: np.ndarray) -> np.ndarray:
    """Segment slice by slice as HiLab-git/SSL4MIS:code/test_2D_fully.py does: there and back with order 0."""
    labels = np.zeros(image.shape, np.uint8)
    for index, plane in enumerate(image):
        rows, columns = plane.shape
        resized = ndimage.zoom(plane, (256 / rows, 256 / columns), order=0)
        found = Thresholds()(torch.from_numpy(resized)[None, None].float()).argmax(dim=1)[0].numpy()
        labels[index] = ndimage.zoom(found.astype(np.uint8), (rows / 256, columns / 256), order=0)
    return labels


def test_scans_are_resized_segmented_resized_back_and_scored_class_by_class(real_data, tmp_path, tiny_run, monkeypatch):
    medpy = pytest.importorskip("medpy.metric.binary", reason="MedPy is not installed (extra 'test')")
    cases = [
        Case(name, patient, *acdc.read(real_data / "acdc", name), None)
        for patient in PATIENTS
        for name in acdc.cases(patient)
    ]
    identity = {"name": "acdc", "revision": 1, "downsample": [1, 1, 1], "split": "some"}
    parts = {"train": [], "validation": [], "test": PATIENTS}
    write_store(tmp_path / "acdc.h5", identity, ["background", "right", "wall", "left"], parts, cases)
    run = tiny_run(tiny_training(2, "dmd", {}) | {"dataset": identity, "classes": 4, "patch": [256, 256]})

    run.weights.touch()
    monkeypatch.setattr(prediction, "load_predictor", lambda *_: Thresholds())
    prediction.predict(run, tmp_path / "acdc.h5", "cpu")
    evaluate_run(run, tmp_path / "acdc.h5")

    scores = np.zeros((len(cases), 3, 4))
    for place, case in enumerate(cases):
        labels = published_labels(case.image)
        assert {0, 1, 2, 3} == set(np.unique(labels))
        for index in (1, 2, 3):
            pair = labels == index, case.label == index
            scores[place, index - 1] = [metric(*pair) for metric in (medpy.dc, medpy.jc, medpy.hd95, medpy.asd)]
    dice, jaccard, hd95, asd = scores.mean(axis=0).mean(axis=0)
    ours = average(read_run(run).lines, ["post_processing"]).loc["none"]
    assert [ours[name] for name in ("dice", "jaccard", "hd95_voxel", "asd_voxel")] == pytest.approx(
        [100 * dice, 100 * jaccard, hd95, asd], abs=1e-9
    )


def test_a_prepared_store_has_the_published_numbers_of_volumes_and_slices(root, content, real_data, tmp_path):
    checked = config.check(content)
    store = plan.Store("acdc", "acdc", {"name": "acdc", "revision": 1, "downsample": [1, 1, 1]})
    split = json.loads((root / "config" / "splits" / "acdc.json").read_text())["sha256"]
    store.identity["split"] = split
    prepare(describe.describe_store(checked, store), real_data / "acdc", tmp_path / "acdc.h5")
    data = load_store(tmp_path / "acdc.h5", store.identity)
    assert [len(data.cases(part)) for part in ("train", "validation", "test")] == [140, 20, 40]

    batch = checked.protocols["acdc"].batch.model_dump()
    spec = {"dimensions": 2, "patch": [256, 256], "seed": 1}
    # HiLab-git/SSL4MIS:code/train_fully_supervised_2D.py, patients_to_slices; epochs of floor(slices / 12) batches.
    for patients, slices, per_epoch in ((3, 68, 5), (7, 136, 11)):
        batches = Batches(data, spec | {"labelled": patients, "batch": batch})
        assert (len(batches.labelled), len(batches.unlabelled)) == (slices, 1312 - slices)
        assert batches.per_epoch == per_epoch
        made = batches[0]
        assert made.images.shape == (24, 1, 256, 256)
        assert made.labels.shape == (12, 256, 256)
    whole = Batches(data, spec | {"labelled": 70, "batch": {"size": 24, "labelled": 24}})
    assert (len(whole.labelled), len(whole.unlabelled), whole.per_epoch) == (1312, 0, 55)
