"""Predictions are believed only where they are whole and of the run, settings and case that are asked for."""

import h5py
import numpy as np
import pytest
from conftest import tiny_training

from dmd.data.hdf5 import creating
from dmd.data.store import Case
from dmd.errors import InputError
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.testing.label_maps import read_predictions, write_predictions

LABELS = np.random.default_rng(0).integers(0, 3, (3, 6, 5)).astype(np.uint8)
WEIGHTS = "0" * 64
CASE = Case("t0", "t0", LABELS.astype(np.float32), LABELS, None)


@pytest.fixture
def run(tiny_run):
    made = tiny_run(tiny_training(2, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}))
    write_predictions(made, made.read_spec().testing, [("t0", LABELS), ("t1", LABELS[::-1])], WEIGHTS)
    return made


def read(run: RunFolder) -> np.ndarray:
    [(_, labels)] = read_predictions(run, run.read_spec(), [CASE])
    return labels


def test_what_was_written_is_read(run):
    assert np.array_equal(read(run), LABELS)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("t0", LABELS.astype(np.float32), "case 't0': expected a label map of whole numbers, found float32"),
        ("t0", LABELS[:2], r"for case 't0' the shape \(3, 6, 5\), found \(2, 6, 5\); predict the run again"),
        ("t0", LABELS + 1, "case 't0': expected the classes 0 to 2, found labels 1 to 3"),
        ("t1", LABELS, "expected a prediction of test case 't0', found none; predict the run again"),
    ],
    ids=["type", "shape", "class", "none"],
)
def test_what_cannot_be_measured_is_refused(run, name, labels, message):
    write_predictions(run, run.read_spec().testing, [(name, labels)], WEIGHTS)
    with pytest.raises(InputError, match=rf"predictions\.h5.*{message}"):
        read(run)


def test_a_group_is_no_label_map(run):
    with creating(run.predictions) as file:
        file.attrs["run"], file.attrs["testing"] = run.id, "{}"
        file.create_group("t0")
    with pytest.raises(InputError, match=r"expected the predictions of run .*an array of numbers called 't0'"):
        read(run)


def test_predictions_of_another_run_are_refused(run, tiny_run):
    other = tiny_run(run.read_spec().training | {"seed": 8})
    write_predictions(other, {}, [("t0", LABELS)], WEIGHTS)
    run.predictions.write_bytes(other.predictions.read_bytes())
    with pytest.raises(
        InputError, match=f"expected the predictions of run {run.id}, found {other.id}; predict the run"
    ):
        read(run)


def test_one_changed_voxel_is_refused(run):
    with h5py.File(run.predictions, "r+") as file:
        file["t1"][0, 0, 0] ^= 1
    with pytest.raises(InputError, match=r"its seal is not that of its content\); predict the run again"):
        read(run)


def test_predictions_made_in_another_way_are_refused(run):
    other = Spec(run.read_spec().training, {"stride": [4, 4]})
    with pytest.raises(InputError, match=r"predictions made with .*stride"):
        list(read_predictions(run, other, [CASE]))
