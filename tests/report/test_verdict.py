import pytest

from dmd.report.comparison import compare_table
from dmd.report.scores import collect
from dmd.report.verdict import say_order

from .test_comparison import shifted, table
from .test_tables import add_run, line, row


@pytest.fixture
def said(tmp_path):
    """Return a function: what is said of a table whose methods have a shift against DMD and a Dice in the paper."""

    def say(methods: dict[str, tuple[float, float | None]], patients: int = 8, **settings) -> str:
        rows = []
        for seed, (label, (shift, paper)) in enumerate(methods.items()):
            run = add_run(tmp_path, shifted(shift)[:patients], seed=seed, **settings)
            rows.append(row(label, 8, [run], {"dice": paper} if paper else {}))
        artefact = table(*rows)
        return say_order(collect(artefact, tmp_path), compare_table(artefact, tmp_path))

    return say


def test_the_verdict_leads_and_the_numbers_follow(said):
    text = said({"A": (-5, 80.0), "B": (1, 85.0), "DMD": (0, 90.0)})
    assert text == (
        "Partly decided (la, 8 labelled): as in the paper for A; against the paper for B. "
        "la, 8 labelled, 8 test cases, 1 seed: 1 of 2 methods (A) stand to DMD by mean Dice as in the paper; order "
        "there: DMD > B > A, here: B > DMD > A; method minus DMD: A -5.00 [-5.00, -5.00] (p = 0.016), B +1.00 [+1.00, "
        "+1.00] (p = 0.016). Differences are in percentage points: the Hodges-Lehmann estimate over test patients, its "
        "95 % bootstrap interval and p of the Wilcoxon signed-rank test, Holm-corrected over this table. One seed per "
        "method: the intervals hold the choice of test patients, not what another seed would change."
    )


@pytest.mark.parametrize(
    ("methods", "verdict"),
    [
        ({"A": (-5, 80.0), "B": (-1, 85.0)}, "Held (la, 8 labelled): as in the paper for A, B."),
        ({"A": (5, 80.0)}, "Did not hold (la, 8 labelled): against the paper for A."),
        # In the paper DMD is below: it is taken at its word.
        ({"A": (5, 95.0)}, "Held (la, 8 labelled): as in the paper for A."),
        ({"A": (0, 80.0)}, "Not decided (la, 8 labelled): p is not below 0.05 for A."),
        (
            {"A": (-5, 80.0), "B": (0, 80.0)},
            "Partly decided (la, 8 labelled): as in the paper for A; p is not below 0.05 for B.",
        ),
        ({"Mine": (2, None)}, "Not decided (la, 8 labelled): the paper gives no Dice to compare with."),
    ],
)
def test_a_verdict_is_what_the_paired_tests_are_sure_of(said, methods, verdict):
    assert said(methods | {"DMD": (0, 90.0)}).startswith(f"{verdict} la, 8 labelled, 8 test cases")


def test_equal_scores_here_are_no_order(said):
    text = said({"A": (0, 80.0), "DMD": (0, 90.0)})
    assert "0 of 1 methods stand to DMD" in text
    assert "A +0.00 [+0.00, +0.00] (p = 1.000)" in text


def test_methods_that_the_paper_does_not_know_are_compared_all_the_same(said):
    assert "1 seed: method minus DMD: Mine +2.00" in said({"Mine": (2, None), "DMD": (0, 90.0)})


def test_too_few_patients_decide_nothing(said):
    text = said({"A": (-5, 80.0), "DMD": (0, 90.0)}, patients=5)
    assert text.startswith("Not decided (la, 8 labelled): p is not below 0.05 for A.")
    assert "A -5.00 (too few patients for a test)" in text


def test_a_table_without_dmd_says_so(said):
    assert said({"A": (-5, 80.0)}).startswith("Not decided: no method here shares its data set and budget with a row")


def test_budgets_are_said_one_by_one_and_seeds_counted(tmp_path):
    rows = []
    for labelled, shift in ((8, -5), (16, 5)):
        ours = [add_run(tmp_path, shifted(0), labelled=labelled, seed=seed) for seed in (1, 2)]
        theirs = [add_run(tmp_path, shifted(shift), labelled=labelled, seed=seed) for seed in (3, 4)]
        rows += [row("A", labelled, theirs, {"dice": 80.0}), row("DMD", labelled, ours, {"dice": 90.0})]
    rows.append(row("A", 80, [add_run(tmp_path, [line("a", 1, 1, 1, 0, 0)], labelled=80)], {"dice": 91.0}))
    rows[-1] = type(rows[-1])(**vars(rows[-1]) | {"dataset": "other"})
    text = say_order(collect(table(*rows), tmp_path), compare_table(table(*rows), tmp_path))
    assert text.startswith(
        "Held (la, 8 labelled): as in the paper for A. Did not hold (la, 16 labelled): against the paper for A. "
    )
    assert "la, 16 labelled, 8 test cases, 2 seeds: 0 of 1 methods" in text
    assert "80 labelled" not in text
    assert text.endswith(
        "Seeds are averaged first: the intervals hold the choice of test patients, not that of the seeds."
    )
