"""Whether the paper's order of the methods held here, and how sure that is, said in sentences."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dmd.report.comparison import REFERENCE, ROW
from dmd.report.statistics import LEVEL

SCORE = "dice"
WORDS = {1: "better", -1: "worse"}  # of a method whose mean is above or below that of DMD
NOTHING = (
    "Not decided: no method here shares its data set and budget with a row of DMD, or the table does not show Dice."
)
READ = (
    "Differences are in percentage points: the Hodges-Lehmann estimate over test patients, its 95 % bootstrap interval "
    "and p of the Wilcoxon signed-rank test, Holm-corrected over this table. {seeds}"
)
ONE_SEED = "One seed per method: the intervals hold the choice of test patients, not what another seed would change."
SEEDS = "Seeds are averaged first: the intervals hold the choice of test patients, not that of the seeds."


def say_order(table: pd.DataFrame, comparison: pd.DataFrame) -> str:
    """Say whether the published order of DMD and each other method held: a verdict per budget, then the numbers.

    The verdict asks the paired test, which is sure or not; the order of the means, the paper's and ours without
    post-processing, is told besides, however small the distance to DMD is.

    Parameters
    ----------
    table : DataFrame
        What `dmd.report.scores.collect` returned.
    comparison : DataFrame
        What `dmd.report.comparison.compare_table` returned for the same table.
    """
    groups = list(_groups(table, comparison))
    if not groups:
        return NOTHING
    seeds = ONE_SEED if table["seeds"].max() == 1 else SEEDS
    verdicts, numbers = ([say(*group) for group in groups] for say in (_say_verdict, _say_group))
    return " ".join([*verdicts, *numbers, READ.format(seeds=seeds)])


def _groups(table: pd.DataFrame, comparison: pd.DataFrame) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield the row of DMD and, with their tests, those that are compared with it."""
    tests = comparison[(comparison["metric"] == SCORE) & (comparison["post_processing"] == "none")]
    tests = tests[[*ROW, "difference", "low", "high", "p_holm", "verdict"]]
    for (dataset, labelled), group in tests.groupby(["dataset", "labelled"], sort=False):
        rows = table[(table["dataset"] == dataset) & (table["labelled"] == labelled)]
        dmd = rows[rows["method"] == REFERENCE].iloc[0]
        yield dmd.to_dict(), rows.merge(group, on=list(ROW)).to_dict("records")


def _say_verdict(dmd: dict[str, Any], others: list[dict[str, Any]]) -> str:
    where = f"({dmd['data']}, {dmd['labelled']} labelled)"
    others = _published(dmd, others)
    if not others:
        return f"Not decided {where}: the paper gives no Dice to compare with."
    sure = [other for other in others if other["verdict"] == WORDS.get(_above(other, dmd, "mean"))]
    held = [other for other in sure if _holds(other, dmd)]
    failed = [other for other in sure if other not in held]
    open_ = [other for other in others if other not in sure]
    said = {"as in the paper for": held, "against the paper for": failed, f"p is not below {LEVEL} for": open_}
    if len(held) == len(others):
        word = "Held"
    elif len(failed) == len(others):
        word = "Did not hold"
    else:
        word = "Partly decided" if sure else "Not decided"
    return f"{word} {where}: {'; '.join(f'{words} {_names(of)}' for words, of in said.items() if of)}."


def _say_group(dmd: dict[str, Any], others: list[dict[str, Any]]) -> str:
    where = f"{dmd['data']}, {dmd['labelled']} labelled, {dmd['cases']} test cases, {_count(dmd['seeds'], 'seed')}"
    differences = ", ".join(f"{_name(other)} {_difference(other)}" for other in others)
    return f"{where}: {_say_means(dmd, _published(dmd, others))}method minus {_name(dmd)}: {differences}."


def _say_means(dmd: dict[str, Any], others: list[dict[str, Any]]) -> str:
    if not others:
        return ""
    held = [other for other in others if _holds(other, dmd)]
    named = f" ({_names(held)})" if held else ""
    orders = (_order([dmd, *others], column) for column in ("paper", "mean"))
    return (
        f"{len(held)} of {len(others)} methods{named} stand to {_name(dmd)} by mean Dice as in the paper; order there: "
        "{}, here: {}; ".format(*orders)
    )


def _published(dmd: dict[str, Any], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [other for other in others if pd.notna(other[f"{SCORE}_paper"] + dmd[f"{SCORE}_paper"])]


def _holds(other: dict[str, Any], dmd: dict[str, Any]) -> bool:
    return _above(other, dmd, "mean") == _above(other, dmd, "paper")


def _names(rows: list[dict[str, Any]]) -> str:
    return ", ".join(map(_name, rows))


def _above(other: dict[str, Any], dmd: dict[str, Any], column: str) -> int:
    """Return 1 where the method is above DMD, -1 below, 0 beside."""
    here, there = other[f"{SCORE}_{column}"], dmd[f"{SCORE}_{column}"]
    return (here > there) - (here < there)


def _order(rows: list[dict[str, Any]], column: str) -> str:
    return " > ".join(map(_name, sorted(rows, key=lambda row: -row[f"{SCORE}_{column}"])))


def _difference(other: dict[str, Any]) -> str:
    if other["verdict"] == "too few":
        return f"{other['difference']:+.2f} (too few patients for a test)"
    p = "p < 0.001" if other["p_holm"] < 0.001 else f"p = {other['p_holm']:.3f}"
    return f"{other['difference']:+.2f} [{other['low']:+.2f}, {other['high']:+.2f}] ({p})"


def _name(row: dict[str, Any]) -> str:
    return f"{row['label']} ({row['params']})" if row["params"] else row["label"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
