"""Two runs made by hand, and each file of one in the folder of the other."""

import errno
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from conftest import tiny_training

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.vouching import is_whole, read_record, require_own, vouch

TRAINED = ("weights.pt", "history.csv")


def made(run: RunFolder) -> RunFolder:
    """Write what a run leaves; no byte of it says whose it is."""
    for number, path in enumerate((run.weights, run.history_table, run.predictions, run.cases)):
        path.write_text(f"{number} of {run.id}")
    vouch(run, run.facts, {"steps": 10, "commit": None}, [run.weights, run.history_table])
    vouch(run, run.test, {"testing": {"stride": [2.0]}}, [run.weights, run.predictions, run.cases])
    return run


@pytest.fixture
def run(tiny_run) -> RunFolder:
    return made(tiny_run(tiny_training(3, "dmd", {})))


@pytest.fixture
def other(tiny_run) -> RunFolder:
    return made(tiny_run(tiny_training(3, "dmd", {}) | {"seed": 8}))


def test_a_record_says_what_sha256sum_says(run):
    content = json.loads(run.facts.read_text())
    assert content["run"] == run.id
    assert content["sha256"] == {name: hashlib.sha256((run.path / name).read_bytes()).hexdigest() for name in TRAINED}
    assert read_record(run, run.facts) == content
    assert is_whole(run, run.facts)
    assert is_whole(run, run.test)


@pytest.mark.parametrize("name", ["weights.pt", "history.csv", "cases.csv", "predictions.h5"])
def test_a_file_of_another_run_is_refused(run, other, name):
    require_own(run, run.path / name)
    shutil.copy(other.path / name, run.path / name)
    record = "run" if name in TRAINED else "test"
    with pytest.raises(InputError, match=rf"{name}: expected the file that {record}\.json vouches for, found another"):
        require_own(run, run.path / name)
    assert not is_whole(run, run.path / f"{record}.json")


@pytest.mark.parametrize("name", ["run.json", "test.json"])
def test_the_record_of_another_run_is_refused(run, other, name):
    shutil.copy(other.path / name, run.path / name)
    with pytest.raises(InputError, match=f"expected that of run '{run.id}', found that of '{other.id}'"):
        require_own(run, run.cases)


@pytest.mark.parametrize("content", ["", "[]", "{", '"run"', "null", "\0" * 20, b"\xff"])
def test_a_torn_record_is_told(run, content):
    run.facts.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"expected the facts of a trained run at .*run\.json"):
        require_own(run, run.weights)
    assert not is_whole(run, run.facts)


def test_a_record_that_was_edited_is_refused(run):
    run.facts.write_text(run.facts.read_text().replace('"steps": 10', '"steps": 11'))
    with pytest.raises(InputError, match="expected it as the run left it"):
        read_record(run, run.facts)


def test_scores_of_other_weights_are_refused(run):
    """A run that was trained again elsewhere, on a GPU say, has other weights under its name."""
    run.weights.write_text("trained again")
    vouch(run, run.facts, {"steps": 10}, [run.weights, run.history_table])
    with pytest.raises(InputError, match="expected a test of the weights that are there"):
        require_own(run, run.cases)


@pytest.mark.parametrize("record", ["run", "test"])
def test_scores_of_weights_that_one_record_does_not_know_are_refused(run, record):
    """Those were taken back while their predictions were measured, and the run was trained again."""
    without = run.facts if record == "run" else run.test
    vouch(run, without, {"testing": {}}, [run.history_table, run.cases])
    with pytest.raises(InputError, match="expected a test of the weights that are there"):
        require_own(run, run.cases)


def test_scores_of_a_run_whose_weights_nobody_has_are_its_own(run):
    run.weights.unlink()
    require_own(run, run.cases)
    for record in (run.facts, run.test):
        vouch(run, record, {"testing": {}}, [run.history_table, run.cases])
    require_own(run, run.cases)


def test_a_record_that_cannot_be_read_is_not_one_that_is_away(run, monkeypatch):
    """Else a run that is whole would be trained again, or its user told to delete its scores."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(OSError, match="Stale"):
        is_whole(run, run.facts)


@pytest.mark.parametrize("name", ["weights.pt", "history.csv", "cases.csv", "predictions.h5"])
def test_what_nothing_vouches_for_is_refused(run, name):
    record = run.facts if name in TRAINED else run.test
    content = json.loads(record.read_text())
    record.write_text(json.dumps({key: content[key] for key in content if key not in ("sha256", "seal")}))
    with pytest.raises(InputError, match=rf"{record.name}: expected it as the run left it"):
        require_own(run, run.path / name)
    record.unlink()
    with pytest.raises(InputError, match=rf"expected .* at .*{record.name}"):
        require_own(run, run.path / name)


def test_a_file_that_is_not_there_is_for_others_to_miss(run):
    run.cases.unlink()
    require_own(run, run.cases)
