import json
import os

import pytest
from conftest import tiny_training

from dmd import cli
from dmd.runs.folder import RunFolder
from dmd.testing.evaluation import evaluate_run
from dmd.testing.prediction import predict
from dmd.training.loop import train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}


@pytest.fixture
def run(tiny_store, tiny_run) -> RunFolder:
    """A run of the time before runs were vouched for, trained and tested."""
    run = tiny_run(tiny_training(3, "dmd", DMD) | {"iterations": 2})
    train(run, tiny_store[3], "cpu")
    predict(run, tiny_store[3], "cpu")
    evaluate_run(run, tiny_store[3])
    for record in (run.facts, run.test):
        content = json.loads(record.read_text())
        record.write_text(json.dumps({name: content[name] for name in content if name not in ("sha256", "seal")}))
    return run


def doctor(run: RunFolder, *options: str) -> int:
    return cli.main(["doctor", *options, "--results", str(run.path.parents[1])])


def status(run: RunFolder, *options: str) -> int:
    with pytest.raises(SystemExit) as left:
        doctor(run, *options)
    return left.value.code


def test_a_run_is_adopted_by_its_name_and_whole_from_then_on(run, capsys):
    assert status(run) == 1
    assert f"{run.id}  not vouched for" in capsys.readouterr().out
    assert doctor(run, "--adopt", run.id) == 0
    assert doctor(run) == 0
    assert f"{run.id}  whole" in capsys.readouterr().out
    run.cases.write_text(run.cases.read_text() + "\n")
    assert status(run) == 1
    assert "cases.csv was damaged or edited" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda text: text.replace(b'"steps": 2', b'"steps": 1'), "expected steps 2, found 1"),
        ("history.csv", lambda text: text.rpartition(b"2,")[0], "expected the steps [1, 2], found [1]"),
        ("cases.csv", lambda text: text[: len(text) // 2].rpartition(b"\n")[0] + b"\n", "expected each case"),
        ("weights.pt", None, "expected the weights at the end of state.pt"),
    ],
)
def test_a_run_whose_files_disagree_is_not_adopted(run, capsys, name, change, said):
    path = run.path / name
    path.write_bytes((change or (lambda _: run.snapshot(1).read_bytes()))(path.read_bytes()))
    before = run.facts.read_bytes(), run.test.read_bytes()
    assert doctor(run, "--adopt", run.id) == 2
    assert said in capsys.readouterr().err
    assert (run.facts.read_bytes(), run.test.read_bytes()) == before


def test_litter_is_shown_and_deleted_when_asked(tmp_path, tiny_run, capsys):
    run = tiny_run(tiny_training(3, "dmd", DMD))
    part = run.path.parents[1] / f".mlflow.db.{os.uname().nodename}-999999999.part"
    part.touch()
    assert doctor(run) == 0
    assert part.exists()
    assert "--clean deletes it" in capsys.readouterr().out
    assert doctor(run, "--clean") == 0
    assert not part.exists()
    assert run.spec.exists()


def test_adopting_wants_a_name(run, capsys):
    assert doctor(run, "--adopt") == 2
    assert "dmd doctor --adopt RUN" in capsys.readouterr().err
