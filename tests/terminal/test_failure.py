"""What a failed step leaves behind, who is told, and what a second attempt makes of it."""

import json

import pytest

from dmd import cli
from dmd.errors import DivergedError, InputError, PassingError
from dmd.terminal import failure
from dmd.terminal.failure import noted, read


@pytest.fixture
def log(tmp_path):
    """The log of a training as Snakemake has it, in the results of this test."""
    path = failure.log_of(tmp_path, "train", "la-8-dmd")
    path.parent.mkdir(parents=True)
    return path


def attempt(results, number: int, error: Exception | None = None) -> None:
    with noted(results, "train", "la-8-dmd", number):
        if error:
            raise error


@pytest.mark.parametrize("error", [InputError("no such scan"), DivergedError("no number")])
def test_what_cannot_heal_is_said_again_by_the_second_attempt_and_not_tried(log, tmp_path, error):
    with pytest.raises(type(error)):
        attempt(tmp_path, 1, error)
    with pytest.raises(type(error), match=rf"^{error} \(so ended the first attempt"):
        attempt(tmp_path, 2)
    assert read(log).reason == str(error), "a third attempt says no more"


@pytest.mark.parametrize("error", [PassingError("taken over"), OSError(28, "No space left"), ValueError("a bug")])
def test_what_another_moment_or_machine_may_heal_is_tried_again(log, tmp_path, error):
    with pytest.raises(type(error)):
        attempt(tmp_path, 1, error)
    assert str(error) in read(log).reason
    attempt(tmp_path, 2)
    assert read(log) is None


def test_the_first_attempt_of_another_call_tries_and_forgets(log, tmp_path):
    with pytest.raises(InputError):
        attempt(tmp_path, 1, InputError("no such scan"))
    attempt(tmp_path, 1)
    assert read(log) is None


def test_a_signal_is_no_failure_and_a_step_called_by_hand_leaves_nothing(log, tmp_path):
    with pytest.raises(SystemExit):
        attempt(tmp_path, 1, SystemExit(143))
    assert read(log) is None
    log.parent.rmdir()
    with pytest.raises(InputError):
        attempt(tmp_path, 1, InputError("no such scan"))
    assert not log.parent.exists()


RUN = "la-8-dmd-c9a4cace99"


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "la-2x2x2", "/no/where"],
        ["check", "la-2x2x2"],
        ["train", RUN],
        ["test", RUN],
        ["panel", "half/fig2"],
    ],
)
def test_every_step_that_a_cluster_repeats_says_the_same_in_a_second_attempt(
    root, monkeypatch, tmp_path, capsys, words
):
    monkeypatch.chdir(root)
    step, name = words[:2]
    left = failure.log_of(tmp_path, step, name)
    left.parent.mkdir(parents=True)
    failure._card(left).write_text(json.dumps(vars(failure.Failure(step, name, "no such scan", str(left), 2))))
    assert cli.main(["step", *words, "--attempt", "2", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"dmd step {step}: no such scan (so ended the first attempt")


def test_the_end_of_a_call_lists_what_failed_and_what_waits_for_it(log, tmp_path, capsys):
    with pytest.raises(InputError):
        attempt(tmp_path, 1, InputError("no such scan " * 10))
    killed = failure.log_of(tmp_path, "panel", "half/fig2")
    killed.parent.mkdir(parents=True)
    killed.write_text("la-8-dmd: trains on cpu\nKilled\n\n")
    lost = failure.log_of(tmp_path, "test", "la-8-cps")
    failure.say([log, killed, lost], ["results/half/table3.csv"])
    said = capsys.readouterr().err
    assert max(map(len, said.replace(str(tmp_path), "results").splitlines())) <= 80
    assert said.splitlines()[1] == "3 failed:"
    assert f"  panel half/fig2\n    Killed\n    {killed}\n  test la-8-cps\n    it left no word" in said
    assert "  train la-8-dmd\n    no such scan no such scan" in said
    assert "Not made for want of that:\n  results/half/table3.csv\n" in said
