"""Whether the paper's order of the methods held here, and how sure that is, said in sentences."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from dmd.report.comparison import REFERENCE, ROW
from dmd.report.statistics import LEVEL

SCORE = "dice"
NOTHING = (
    "No method of this table is compared with DMD by Dice: none shares its data set and budget, or Dice is not shown."
)
READ = (
    "Differences are in percentage points: the Hodges-Lehmann estimate over test patients, its 95 % bootstrap interval "
    "and p of the Wilcoxon signed-rank test, Holm-corrected over this table. {seeds}"
)
ONE_SEED = "One seed per method: the intervals hold the choice of test patients, not what another seed would change."
SEEDS = "Seeds are averaged first: the intervals hold the choice of test patients, not that of the seeds."


def say_order(table: pd.DataFrame, comparison: pd.DataFrame) -> str:
    """Say whether the published order of DMD and each other method held, budget by budget.

    The order is that of mean Dice, the paper's and ours without post-processing; the paired differences stand beside.
    It held for a method where the sign of its distance to DMD is the paper's, however small that is here.

    Parameters
    ----------
    table : DataFrame
        What `dmd.report.collect.collect` returned.
    comparison : DataFrame
        What `dmd.report.comparison.compare_table` returned for the same table.
    """
    said = [_say_group(*group) for group in _groups(table, comparison)]
    seeds = ONE_SEED if table["seeds"].max() == 1 else SEEDS
    return " ".join([*said, READ.format(seeds=seeds)]) if said else NOTHING


def _groups(table: pd.DataFrame, comparison: pd.DataFrame) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield the row of DMD and, with their tests, those that are compared with it."""
    tests = comparison[(comparison["metric"] == SCORE) & (comparison["post_processing"] == "none")]
    tests = tests[[*ROW, "difference", "low", "high", "p_holm", "verdict"]]
    for (dataset, labelled), group in tests.groupby(["dataset", "labelled"], sort=False):
        rows = table[(table["dataset"] == dataset) & (table["labelled"] == labelled)]
        dmd = rows[rows["method"] == REFERENCE].iloc[0]
        yield dmd.to_dict(), rows.merge(group, on=list(ROW)).to_dict("records")


def _say_group(dmd: dict[str, Any], others: list[dict[str, Any]]) -> str:
    where = f"{dmd['data']}, {dmd['labelled']} labelled, {dmd['cases']} test cases, {_count(dmd['seeds'], 'seed')}"
    published = [other for other in others if pd.notna(other[f"{SCORE}_paper"] + dmd[f"{SCORE}_paper"])]
    differences = ", ".join(f"{_name(other)} {_difference(other)}" for other in others)
    return f"{where}: {_say_published(dmd, published)} Method minus {_name(dmd)}: {differences}."


def _say_published(dmd: dict[str, Any], others: list[dict[str, Any]]) -> str:
    if not others:
        return "the paper gives no Dice to compare the order with."
    held = [other for other in others if _above(other, dmd, "mean") == _above(other, dmd, "paper")]
    failed = [other for other in others if other not in held]
    said = f"the paper's order of {_name(dmd)} and another method by mean Dice held for {len(held)} of {len(others)}"
    said += f" ({_sure(held, dmd)})" if held else ""
    said += f"; it did not hold for {len(failed)} ({_sure(failed, dmd)})" if failed else ""
    return f"{said}. Order in the paper: {_order([dmd, *others], 'paper')}; here: {_order([dmd, *others], 'mean')}."


def _sure(others: list[dict[str, Any]], dmd: dict[str, Any]) -> str:
    """Name methods, and those of them for which the paired test agrees with the order of our means."""
    words = {1: "better", -1: "worse"}
    sure = [_name(other) for other in others if other["verdict"] == words.get(_above(other, dmd, "mean"))]
    return f"{', '.join(map(_name, others))}; p below {LEVEL} for {', '.join(sure) or 'none of them'}"


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
