import dataclasses

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.report.comparison import compare_rows
from dmd.report.naming import HEADINGS
from dmd.report.scores import read
from dmd.report.tested import ReadOnce
from dmd.report.verdict import (
    FLOOR_UNKNOWN,
    NOTHING,
    RUNS,
    TESTED,
    say_agreement,
    say_counts,
    say_detectable,
    say_floor,
    say_verdict,
)

from .made import add_run, line, row, shifted, table


@pytest.fixture
def said(tmp_path):
    """Return a function: what is said of a table whose methods have a shift against DMD and a Dice in the paper."""

    def say(methods: dict[str, tuple[float, float | None]], patients: int = 8, **form) -> list[str]:
        rows = []
        for seed, (label, (shift, paper)) in enumerate(methods.items()):
            run = add_run(tmp_path, shifted(shift, hd95=8 + shift)[:patients], seed=seed)
            rows.append(row(label, 8, [run], {"dice": paper} if paper else {}))
        scores = read(table(*rows, **form), ReadOnce(tmp_path))
        return say_verdict(scores, compare_rows(scores))

    return say


@pytest.mark.parametrize(
    ("methods", "verdict"),
    [
        (
            {"A": (-5, 80.0), "B": (1, 85.0), "C": (0, 80.0), "D": (-2, 82.0)},
            "DMD is better than 2 of 4 methods in Dice, worse than 1; 1 is undecided. "
            "The paper agrees on 2, differs on 1.",
        ),
        ({"A": (-5, 80.0), "B": (-1, 85.0)}, "DMD is better than the other 2 methods in Dice. The paper agrees."),
        ({"A": (5, 80.0)}, "DMD is worse than the other method in Dice. The paper differs."),
        # In the paper DMD is below: it is taken at its word.
        ({"A": (5, 95.0)}, "DMD is worse than the other method in Dice. The paper agrees."),
        ({"A": (0, 80.0)}, "No difference in Dice between DMD and the other method is significant."),
        # What the paper does not know, or has as equal, it neither confirms nor denies.
        ({"A": (-5, 90.0), "Mine": (2, None)}, "DMD is better than 1 of 2 methods in Dice, worse than 1."),
    ],
)
def test_a_verdict_counts_what_the_paired_tests_are_sure_of(said, methods, verdict):
    found = said(methods | {"DMD": (0, 90.0)})
    # Differences that are the same on every patient would be found however small.
    found_all = "Smallest true difference in Dice (%) that these tests would find with power 0.8: 0.00."
    assert found == [verdict, TESTED, RUNS["one"], found_all, FLOOR_UNKNOWN]


def test_without_numbers_of_the_paper_nothing_is_said_of_it(said):
    found = said({"A": (-5, None), "B": (1, None), "DMD": (0, None)})
    assert found[0] == "DMD is better than 1 of 2 methods in Dice, worse than 1."
    assert "paper" not in " ".join(found)


def test_too_few_patients_decide_nothing(said):
    found = said({"A": (-5, 80.0), "DMD": (0, 90.0)}, patients=5)
    assert found[0] == "DMD and the other method: too few test patients to compare Dice."


def test_a_table_without_dmd_says_so(said):
    assert said({"A": (-5, 80.0)}) == [NOTHING]


def test_a_table_without_dice_is_judged_by_its_first_score(said):
    found = said({"A": (2, 80.0), "DMD": (0, 90.0)}, columns=["hd95_voxel", "asd_voxel"])
    assert found[0] == "DMD is better than the other method in HD95."


def test_labels_from_outside_break_no_sentence(said):
    assert said({"A {v2} {0} $_{x}$": (-5, 80.0), "DMD": (0, 90.0)})[0].startswith("DMD is better")


def test_budgets_are_counted_together_and_seeds_said(tmp_path):
    rows = []
    for labelled, shift in ((8, -5), (16, 5)):
        ours = [add_run(tmp_path, shifted(0), labelled=labelled, seed=seed) for seed in (1, 2)]
        theirs = [add_run(tmp_path, shifted(shift), labelled=labelled, seed=seed) for seed in (3, 4)]
        rows += [row("A", labelled, theirs, {"dice": 80.0}), row("DMD", labelled, ours, {"dice": 90.0})]
    alone = row("A", 80, [add_run(tmp_path, [line("a", 1, 1, 1, 0, 0)], labelled=80)], {"dice": 91.0})
    scores = read(table(*rows, dataclasses.replace(alone, dataset="other")), ReadOnce(tmp_path))
    verdict, *notes, floor = say_verdict(scores, compare_rows(scores))
    assert verdict == "DMD is better than 1 of 2 rows in Dice, worse than 1. The paper agrees on 1, differs on 1."
    assert notes[:2] == [TESTED, RUNS["several"]]
    assert floor.startswith("Noise floor: DMD against itself, other runs, differs by up to 0.00 and 0.00 in Dice")


def test_where_one_of_two_has_one_run_that_is_said(tmp_path):
    ours = [add_run(tmp_path, shifted(0), seed=seed) for seed in (1, 2)]
    theirs = add_run(tmp_path, shifted(*range(8)), seed=3)
    scores = read(table(row("A", 8, [theirs], {}), row("DMD", 8, ours, {})), ReadOnce(tmp_path))
    compared = compare_rows(scores)
    found = say_verdict(scores, compared)
    assert found[2:4] == [RUNS["several"], RUNS["some"]]
    assert found[4] == say_detectable(compared["detectable"].iloc[:1], "dice")


def test_a_budget_whose_dmd_has_one_run_has_no_noise_floor_in_the_sentence(tmp_path):
    eight = [add_run(tmp_path, shifted(seed), seed=seed) for seed in (1, 2, 3)]
    sixteen = [add_run(tmp_path, shifted(seed), seed=seed, labelled=16) for seed in (4, 5)]
    rows = [row("A", 8, eight[:1], {}), row("DMD", 8, eight[1:], {})]
    rows += [row("A", 16, sixteen[:1], {}), row("DMD", 16, sixteen[1:], {})]
    for used, said in ((rows, "unknown where it has one run."), (rows[:2], "(95 %).")):
        scores = read(table(*used), ReadOnce(tmp_path))
        assert say_verdict(scores, compare_rows(scores))[-1].endswith(said)


verdicts = st.lists(st.sampled_from(["better", "worse", "undecided", "too few"]), min_size=1, max_size=40)


@given(verdicts, st.sampled_from(sorted(HEADINGS)), st.sampled_from(["method", "row"]), st.data())
def test_a_verdict_has_at_most_25_words_and_counts_every_row(found, score, noun, data):
    decided = found.count("better") + found.count("worse")
    known = data.draw(st.integers(0, decided))
    text = say_counts(found, HEADINGS[score].partition(" ")[0], noun) + say_agreement(
        data.draw(st.integers(0, known)), known
    )
    assert len(text.split()) <= 25
    assert text.endswith(".")
    assert ("undecided" in text) == (0 < decided < len(found))
    assert (" better than " in text) == ("worse" in found)
    assert (" worse than " in text) == ("better" in found)


def test_the_notes_are_short_too():
    amounts = pd.Series([1.31, 2.62])
    notes = [TESTED, *RUNS.values(), NOTHING, FLOOR_UNKNOWN]
    notes += [said for score in HEADINGS for said in (say_detectable(amounts, score), say_floor(amounts, True, score))]
    assert all(len(note.split()) <= 25 for note in notes)


def test_too_few_patients_could_have_found_nothing(said):
    assert len(said({"A": (-5, 80.0), "DMD": (0, 90.0)}, patients=5)) == 4
