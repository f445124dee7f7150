import csv
import json
import signal
import subprocess

import numpy as np
import pytest
import torch
from conftest import tiny_training
from trainings import await_steps, command, stop_after

from dmd.data.store import load_store
from dmd.report.oracle import oracle_gap
from dmd.runs.folder import RunFolder
from dmd.testing.inference import predict_case
from dmd.testing.metrics import evaluate, mean_dice
from dmd.testing.prediction import load_predictor
from dmd.training import loop, selection
from dmd.training.loop import train

DMD = {"temperature": 2, "weight": 4, "divergence": "dice"}
CHOSEN = {"selection": "validation", "validate_every": 4}
CPU = torch.device("cpu")


def spec(dimensions: int, **changes) -> dict:
    stride = {"validation_stride": [8, 8, 8]} if dimensions == 3 else {}
    return tiny_training(dimensions, "dmd", DMD) | CHOSEN | stride | changes


def history(run: RunFolder) -> list[dict[str, str]]:
    with run.history_table.open(newline="") as file:
        return list(csv.DictReader(file))


def validations(run: RunFolder) -> dict[int, float]:
    return {int(line["step"]): float(line["validation_dice"]) for line in history(run) if line["validation_dice"]}


def require_equal(one: RunFolder, other: RunFolder) -> None:
    assert one.history_table.read_bytes() == other.history_table.read_bytes()
    assert one.weights.read_bytes() == other.weights.read_bytes()


def scripted(monkeypatch, scores: list[float]) -> None:
    """Let the validations of every run that starts anew give these scores."""
    at = dict(zip((4, 8, 10), scores, strict=True))
    looked = selection.Selection.look

    def look(self, method, step):
        monkeypatch.setattr(selection, "_mean_dice", lambda *_: at[step])
        return looked(self, method, step)

    monkeypatch.setattr(selection.Selection, "look", look)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_tested_weights_are_the_best_on_the_validation_cases(dimensions, tiny_store, tiny_run):
    run = tiny_run(spec(dimensions))
    train(run, tiny_store[dimensions], "cpu")
    found = validations(run)
    assert list(found) == [4, 8, 10]
    facts = json.loads(run.facts.read_text())
    assert facts["selected_step"] == max(found, key=found.get)
    assert facts["validation_dice"] == max(found.values())

    settings = run.read_spec().training
    predictor = load_predictor(run, settings, CPU)
    scores = []
    for case in load_store(tiny_store[dimensions]).cases("validation"):
        labels = predict_case(predictor, case.image, run.read_spec().inference, CPU)
        classes = range(1, settings["classes"])
        scores.append(np.mean([evaluate(labels == index, case.label == index).dice for index in classes]))
    assert np.mean(scores) == pytest.approx(max(found.values()), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "step"), [([0.9, 0.5, 0.4], 4), ([0.1, 0.5, 0.4], 8), ([0.5, 0.5, 0.5], 4), ([0.0, 0.0, 0.1], 10)]
)
def test_the_first_of_the_best_validations_is_kept(scores, step, tiny_store, tiny_run, monkeypatch):
    scripted(monkeypatch, scores)
    run = tiny_run(spec(2))
    train(run, tiny_store[2], "cpu")
    facts = json.loads(run.facts.read_text())
    assert (facts["selected_step"], facts["validation_dice"]) == (step, max(scores))
    # The schedule knows how long the whole run is, so the weights are compared with a run stopped at that step.
    stopped = tiny_run(spec(2), "stopped")
    stop_after(stopped, tiny_store[2], step, monkeypatch)
    modules = torch.load(stopped.state, weights_only=True)["training"]["modules"]
    weights = torch.load(run.weights, weights_only=True)
    assert all(torch.equal(tensor, modules[name.replace("network.", "first.", 1)]) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("scores", "stop"), [(first, stop) for first in ([0.9, 0.5, 0.4], [0.1, 0.5, 0.9]) for stop in (3, 4, 9)]
)
def test_a_run_stopped_before_or_after_its_best_validation_ends_in_the_same_bytes(
    scores, stop, tiny_store, tiny_run, monkeypatch
):
    scripted(monkeypatch, scores)
    straight, run = tiny_run(spec(2), "straight"), tiny_run(spec(2), "stopped")
    train(straight, tiny_store[2], "cpu", save_every=3)
    stop_after(run, tiny_store[2], stop, monkeypatch)
    train(run, tiny_store[2], "cpu", save_every=3)
    require_equal(run, straight)
    assert json.loads(run.facts.read_text())["selected_step"] == (4 if scores[0] == 0.9 else 10)


@pytest.mark.slow
@pytest.mark.parametrize("after", [2, 6, 9])
def test_a_run_killed_at_any_moment_ends_in_the_same_bytes(after, tiny_store, tiny_run):
    straight, run = tiny_run(spec(2), "straight"), tiny_run(spec(2), "killed")
    train(straight, tiny_store[2], "cpu")
    process = subprocess.Popen(command(run, tiny_store[2]), stderr=subprocess.PIPE)
    await_steps(process, run, after)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not run.weights.exists()
    subprocess.run(command(run, tiny_store[2]), check=True, capture_output=True)
    require_equal(run, straight)


def test_validating_changes_nothing_but_what_is_tested(tiny_store, tiny_run):
    chosen, last = tiny_run(spec(2)), tiny_run(tiny_training(2, "dmd", DMD))
    for run in (chosen, last):
        train(run, tiny_store[2], "cpu")
    seen = [{name: value for name, value in line.items() if name != "validation_dice"} for line in history(chosen)]
    assert seen == history(last)
    states = [torch.load(run.state, weights_only=True)["training"]["modules"] for run in (chosen, last)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("chosen", [{}, {"selection": "validation", "validate_every": 4}])
def test_looks_at_the_test_cases_decide_nothing_and_are_noted(chosen, tiny_store, tiny_run):
    settings = tiny_training(2, "dmd", DMD) | chosen
    watched, run = tiny_run(settings | {"oracle_every": 2}), tiny_run(settings)
    for each in (watched, run):
        train(each, tiny_store[2], "cpu")
    assert watched.weights.read_bytes() == run.weights.read_bytes()
    looks = {int(line["step"]): float(line["oracle_dice"]) for line in history(watched) if line["oracle_dice"]}
    assert list(looks) == [2, 4, 6, 8, 10]
    seen = [{name: value for name, value in line.items() if name != "oracle_dice"} for line in history(watched)]
    assert seen == history(run)
    tested = looks[json.loads(watched.facts.read_text())["selected_step"]]
    assert oracle_gap(watched, watched.read_spec().training) == pytest.approx(100 * (max(looks.values()) - tested))


def test_the_last_weights_are_tested_without_a_look_at_any_other_case(tiny_store, tiny_run, monkeypatch):
    monkeypatch.setattr(selection, "predict_case", None)
    run = tiny_run(tiny_training(2, "dmd", DMD))
    train(run, tiny_store[2], "cpu")
    facts = json.loads(run.facts.read_text())
    assert facts["selected_step"] == 10
    assert "validation_dice" not in facts
    assert torch.load(run.state, weights_only=True)["best"] is None


def test_the_test_cases_are_never_read_in_training(tiny_store, tiny_run, monkeypatch):

    read = []
    monkeypatch.setattr(loop, "load_store", lambda *a, parts: read.extend(parts) or load_store(*a, parts=parts))
    train(tiny_run(spec(2)), tiny_store[2], "cpu")
    assert read == ["train", "validation"]


def test_the_oracle_chooses_on_the_test_cases_and_says_so(tiny_store, tiny_run):
    run = tiny_run(spec(2, selection="oracle"))
    assert selection.parts(run.read_spec().training) == ["test"]
    train(run, tiny_store[2], "cpu")
    facts = json.loads(run.facts.read_text())
    found = {int(line["step"]): float(line["oracle_dice"]) for line in history(run) if line["oracle_dice"]}
    assert list(found) == [4, 8, 10]
    assert (facts["selected_step"], facts["oracle_dice"]) == max(found.items(), key=lambda item: item[1])
    predictor = load_predictor(run, run.read_spec().training, CPU)
    cases = load_store(tiny_store[2]).cases("test")
    scores = [
        mean_dice(predict_case(predictor, case.image, run.read_spec().inference, CPU), case.label, 3) for case in cases
    ]
    assert np.mean(scores) == pytest.approx(facts["oracle_dice"], abs=1e-12)


def test_the_mean_dice_is_that_of_the_evaluation_class_by_class():
    random = np.random.default_rng(0)
    for classes in (2, 4):
        for top in (classes, 2):  # with and without classes that are absent from both
            prediction, reference = random.integers(0, top, (2, 4, 5, 6)).astype(np.uint8)
            expected = [evaluate(prediction == index, reference == index).dice for index in range(1, classes)]
            assert mean_dice(prediction, reference, classes) == pytest.approx(np.mean(expected), abs=1e-12)
