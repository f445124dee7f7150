import csv
import hashlib
import math

import h5py
import numpy as np
import pytest
from conftest import tiny_training
from records import vouch_for

from dmd.data.store import load_store
from dmd.errors import InputError
from dmd.files import checksum
from dmd.runs.folder import RunFolder
from dmd.runs.retraining import take_back
from dmd.runs.tensors import save_tensors
from dmd.testing import evaluation, prediction
from dmd.testing.evaluation import COLUMNS, evaluate_run
from dmd.testing.label_maps import write_predictions
from dmd.testing.prediction import load_predictor, predict
from dmd.training.loop import train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}


@pytest.fixture(params=[3, 2], ids=["volumes", "slices"])
def predicted(request, tiny_store, tiny_run) -> tuple[RunFolder, object]:
    run = tiny_run(tiny_training(request.param, "dmd", DMD) | {"iterations": 2})
    train(run, tiny_store[request.param], "cpu")
    predict(run, tiny_store[request.param], "cpu")
    return run, tiny_store[request.param]


def write_prediction(run: RunFolder, case: str, labels) -> None:
    with h5py.File(run.predictions) as file:
        maps = {name: entry[()] for name, entry in file.items()} | {case: np.asarray(labels, np.uint8)}
    write_predictions(run, run.read_spec().testing, maps.items(), checksum(run.weights))


def lines(run: RunFolder) -> list[dict[str, str]]:
    with run.cases.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_test_case_class_and_post_processing_has_a_line(predicted):
    run, store = predicted
    evaluate_run(run, store)
    found = lines(run)
    assert tuple(found[0]) == COLUMNS
    classes = run.read_spec().training["classes"] - 1
    keys = {(line["case"], line["class"], line["post_processing"]) for line in found}
    assert len(keys) == len(found) == 2 * classes * 2


def test_scores_without_the_word_of_how_they_were_made_are_made_again(predicted, monkeypatch):
    """A kill between the two files: those of an earlier test must not vouch for the new scores."""
    run, store = predicted
    evaluate_run(run, store)
    assert run.tested_with == run.read_spec().testing

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "vouch", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate_run(run, store)
    assert run.cases.exists()
    assert run.tested_with is None


def test_every_line_has_the_diagonal_of_its_volume(predicted):
    run, store = predicted
    evaluate_run(run, store)
    # Volumes of 22 x 20 x 18 with spacing 1, 1, 2, and stacks of 3 x 22 x 20 without.
    voxel, mm = (34.7563, 46.6905) if run.read_spec().training["dimensions"] == 3 else (29.8831, None)
    for line in lines(run):
        assert float(line["diagonal_voxel"]) == pytest.approx(voxel, abs=1e-4)
        assert line["diagonal_mm"] == "" if mm is None else float(line["diagonal_mm"]) == pytest.approx(mm, abs=1e-4)


def test_the_truth_as_prediction_scores_full_marks_and_nothing_is_flagged_as_empty(predicted):
    run, store = predicted
    truth = load_store(store, parts=["test"]).cases("test")
    write_prediction(run, "t0", truth[0].label)
    write_prediction(run, "t1", truth[1].label * 0)
    evaluate_run(run, store)
    for line in lines(run):
        if line["case"] == "t0":
            assert (float(line["dice"]), float(line["hd95_voxel"]), line["empty_prediction"]) == (1, 0, "0")
        else:
            assert (float(line["dice"]), line["hd95_voxel"], line["empty_prediction"]) == (0, "", "1")


def test_distances_in_millimetres_use_the_spacing_where_it_is_known(predicted):
    run, store = predicted
    case = load_store(store, parts=["test"]).cases("test")[0]
    labels = case.label.copy()
    labels[-1, -1, -1] = 1
    write_prediction(run, "t0", labels)
    evaluate_run(run, store)
    (line,) = [
        line for line in lines(run) if (line["case"], line["class"], line["post_processing"]) == ("t0", "1", "none")
    ]
    assert float(line["asd_voxel"]) > 0
    if case.spacing_mm is None:
        assert line["asd_mm"] == ""
    else:
        assert float(line["asd_mm"]) > float(line["asd_voxel"])
        assert math.isfinite(float(line["hd95_mm"]))


def test_a_missing_prediction_or_one_of_another_shape_is_named(predicted):
    run, store = predicted
    write_prediction(run, "t0", [[1]])
    with pytest.raises(InputError, match=r"expected for case 't0' the shape .*, found \(1, 1\)"):
        evaluate_run(run, store)
    run.predictions.unlink()
    with pytest.raises(InputError, match="expected the predictions of run"):
        evaluate_run(run, store)


def test_predictions_of_weights_that_were_taken_back_are_not_measured(predicted):
    """As where `dmd retrain` came between: the scores would outlive the weights, and nothing would say whose."""
    run, store = predicted
    evaluate_run(run, store)
    before = run.cases.read_bytes(), run.test.read_bytes()
    whole = run.weights.read_bytes()
    run.weights.write_bytes(whole + b"another")
    with pytest.raises(InputError, match=r"by the weights that are there, sha256 .*; predict the run again"):
        evaluate_run(run, store)
    assert (run.cases.read_bytes(), run.test.read_bytes()) == before
    take_back(run)
    predictions(run, store, whole)
    with pytest.raises(InputError, match="weights that are there, sha256 none, found"):
        evaluate_run(run, store)
    assert not run.cases.exists()
    assert not run.test.exists()


def predictions(run: RunFolder, store, weights: bytes) -> None:
    """Write the truth as what weights made that are not there."""
    maps = ((case.name, case.label) for case in load_store(store, parts=["test"]).cases("test"))
    write_predictions(run, run.read_spec().testing, maps, hashlib.sha256(weights).hexdigest())


def test_the_weights_of_predictions_are_those_that_were_loaded(predicted, monkeypatch):
    """Whatever lies there when the last case is segmented."""
    run, store = predicted
    expected, segment = checksum(run.weights), prediction.predict_case

    def segment_and_lose(*given):
        run.weights.unlink(missing_ok=True)
        return segment(*given)

    monkeypatch.setattr(prediction, "predict_case", segment_and_lose)
    predict(run, store, "cpu")
    with h5py.File(run.predictions) as file:
        assert file.attrs["weights"] == expected


def test_predicting_twice_gives_the_same_label_maps(predicted):
    run, store = predicted
    with h5py.File(run.predictions) as file:
        before = {name: dataset[()].tobytes() for name, dataset in file.items()}
    predict(run, store, "cpu")
    with h5py.File(run.predictions) as file:
        assert {name: dataset[()].tobytes() for name, dataset in file.items()} == before
        assert file.attrs["run"] == run.id


def test_missing_and_unfitting_weights_are_refused(predicted):
    import torch

    run, store = predicted
    whole = run.weights.read_bytes()
    save_tensors(run.weights, {"network.other": torch.zeros(1)})
    vouch_for(run)
    with pytest.raises(InputError, match="does not fit the network"):
        predict(run, store, "cpu")
    run.weights.write_bytes(whole[: len(whole) // 2])
    vouch_for(run)
    with pytest.raises(InputError, match=r"weights\.pt: expected the checksum .* train the run again"):
        predict(run, store, "cpu")
    run.weights.unlink()
    with pytest.raises(InputError, match="train the run first"):
        load_predictor(run, run.read_spec().training, torch.device("cpu"))
