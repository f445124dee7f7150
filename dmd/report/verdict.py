"""What the paired tests of a table decide, in one sentence; the numbers behind it stand in the comparison."""

import pandas as pd

from dmd.planning.plan import Row
from dmd.report.comparison import REFERENCE, apart, pairs
from dmd.report.naming import HEADINGS
from dmd.report.scores import PLAIN, Scores
from dmd.report.statistics import HIGHER_IS_BETTER, LEVEL
from dmd.report.variance import POWER

NOTHING = "Nothing is compared here: no data set and budget has both DMD and another evaluated method."
TESTED = f"Better, worse and significant mean p below {LEVEL} (signed-rank test over test patients, Holm-corrected)."
RUNS = {
    "one": "One run each: what another seed or draw would change is in neither p nor interval.",
    "some": "Of a method with one run, p and interval do not know what another seed or draw would change.",
    "several": "Runs were averaged first; p over runs and patients must be below it too.",
}
FLOOR_UNKNOWN = "Noise floor: unknown, as DMD has one run."


def say_verdict(scores: Scores, comparison: pd.DataFrame) -> list[str]:
    """Return a verdict of at most 25 words on DMD and the other rows, what it means and what noise is in it.

    It asks Dice, or where a table has none its first score, without post-processing. Whether the paper agrees is said
    of those rows that are decided here and ordered there.

    Parameters
    ----------
    scores : Scores
        Of the table.
    comparison : DataFrame
        What `dmd.report.comparison.compare_rows` returned for them.
    """
    columns, rows = scores.artefact.form.columns, scores.artefact.rows
    score = "dice" if "dice" in columns else columns[0]
    asked, floors = apart(comparison.query(PLAIN).query("metric == @score"))
    if asked.empty:
        return [NOTHING]
    verdicts, orders = dict(zip(asked.index.tolist(), asked["verdict"], strict=True)), _orders(rows, score)
    decided = {number: word for number, word in verdicts.items() if word in ("better", "worse")}
    groups = {(rows[number].dataset, rows[number].labelled) for number in verdicts}
    is_plain = len(groups) == 1 and all(rows[number].method != REFERENCE for number in verdicts)
    said = say_counts(list(verdicts.values()), HEADINGS[score].split()[0], "method" if is_plain else "row")
    same = [orders[number] == word for number, word in decided.items() if number in orders]
    several = asked[["runs", "reference_runs"]] > 1
    runs = ["one"] if not several.any(axis=None) else ["several"] if several.all(axis=None) else ["several", "some"]
    has_one = bool((asked["reference_runs"] == 1).any())
    noise = [say_detectable(asked["detectable"], score), say_floor(floors["high"], has_one, score)]
    said += say_agreement(sum(same), len(same))
    return [said, TESTED, *(RUNS[name] for name in runs), *filter(None, noise)]


def say_counts(verdicts: list[str], score: str, noun: str) -> str:
    """Say how many of the others DMD beats, and is beaten by; ``verdicts`` are of the others.

    >>> say_counts(["worse", "worse", "better", "undecided"], "Dice", "method")
    'DMD is better than 2 of 4 methods in Dice, worse than 1; 1 is undecided.'
    >>> say_counts(["undecided", "undecided"], "Dice", "method")
    'No difference in Dice between DMD and the other 2 methods is significant.'
    """
    number = len(verdicts)
    others = f"the other {noun}" if number == 1 else f"the other {number} {noun}s"
    if set(verdicts) == {"too few"}:
        return f"DMD and {others}: too few test patients to compare {score}."
    better, worse = verdicts.count("worse"), verdicts.count("better")
    if not better + worse:
        return f"No difference in {score} between DMD and {others} is significant."
    (word, count), *more = [(word, count) for word, count in (("better", better), ("worse", worse)) if count]
    amount = others if count == number else f"{count} of {number} {noun}s"
    said = f"DMD is {word} than {amount} in {score}" + "".join(f", {word} than {count}" for word, count in more)
    rest = number - better - worse
    return said + (f"; {rest} {'is' if rest == 1 else 'are'} undecided." if rest else ".")


def say_agreement(same: int, known: int) -> str:
    """Say whether the paper has the same order, of ``known`` decided rows; nothing where it orders none.

    >>> say_agreement(2, 2), say_agreement(1, 3), say_agreement(0, 1), say_agreement(0, 0)
    (' The paper agrees.', ' The paper agrees on 1, differs on 2.', ' The paper differs.', '')
    """
    if same in (0, known):
        return (" The paper agrees." if same else " The paper differs.") if known else ""
    return f" The paper agrees on {same}, differs on {known - same}."


def say_detectable(differences: pd.Series, score: str) -> str:
    """Say the smallest true differences that the tests would have found; nothing where none was made.

    >>> say_detectable(pd.Series([1.31, 2.6, float("nan")]), "dice")
    'Smallest true difference in Dice (%) that these tests would find with power 0.8: 1.31 to 2.60, by method.'
    """
    found = [f"{value:.2f}" for value in (differences.min(), differences.max()) if not pd.isna(value)]
    if not found:
        return ""
    amount = f"{' to '.join(found)}, by method" if len(set(found)) > 1 else found[0]
    return f"Smallest true difference in {HEADINGS[score]} that these tests would find with power {POWER}: {amount}."


def say_floor(reaches: pd.Series, has_one: bool, score: str) -> str:
    """Say how far DMD is from itself over its runs, in 95 % of the differences; nothing where no patient has the score.

    Parameters
    ----------
    reaches : Series
        Of each DMD that has several runs: one for every data set and budget.
    has_one : bool
        Whether one has a single run.

    >>> say_floor(pd.Series([1.31]), True, "dice"), say_floor(pd.Series([]), True, "dice")
    ('Noise floor: DMD against itself, other runs, differs by up to 1.31 in Dice (%) (95 %); unknown where it has one \
run.', 'Noise floor: unknown, as DMD has one run.')
    """
    amount = " and ".join(f"{reach:.2f}" for reach in reaches.dropna())
    if not amount:
        return FLOOR_UNKNOWN if reaches.empty else ""
    unknown = "; unknown where it has one run" if has_one else ""
    return (
        f"Noise floor: DMD against itself, other runs, differs by up to {amount} in {HEADINGS[score]} (95 %){unknown}."
    )


def _orders(rows: tuple[Row, ...], score: str) -> dict[int, str]:
    """Return whether the paper has a row better or worse than DMD; not where it has no numbers or equal ones."""
    found = {}
    for number, reference in pairs(rows):
        ours, theirs = (rows[place].paper.get(score) for place in (number, reference))
        if ours is not None and theirs is not None and ours != theirs:
            found[number] = "better" if (ours > theirs) == (score in HIGHER_IS_BETTER) else "worse"
    return found
