"""How the test cases of a table scatter: one box and one point per case for every row and score."""

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from dmd.report.naming import HEADINGS, row_name, title
from dmd.report.page.image import Picture, from_figure
from dmd.report.scores import Scores
from dmd.report.style import BLUE, VERMILION, our_style


def distributions(scores: Scores) -> list[Picture]:
    """Return one picture per score of a table."""
    # Runs are averaged first: a case counts once, whatever their number.
    cases = scores.by_case().groupby(level=["row", "case"]).mean().reset_index()
    rows = {number: scores.artefact.rows[number] for number in cases["row"].unique()}
    several = len({(row.dataset, row.labelled) for row in rows.values()}) > 1
    names = {number: f"{row_name(row)}, {row.labelled}" if several else row_name(row) for number, row in rows.items()}
    return [_picture(title(scores.artefact), score, cases, names) for score in scores.artefact.form.columns]


def _picture(of: str, score: str, cases: pd.DataFrame, names: dict[int, str]) -> Picture:
    # A distance that no case of a row defines has no box: seaborn fails on a group that is all missing.
    cases = cases.dropna(subset=score)
    with our_style():
        figure = Figure(figsize=(4.4, 0.75 + 0.3 * len(names)), layout="constrained")
        axes = figure.subplots()
        line = {"color": VERMILION, "linewidth": 2}
        shared: dict[str, Any] = {"x": score, "y": "row", "orient": "h", "order": list(names), "ax": axes}
        sns.boxplot(cases, **shared, fill=False, color=BLUE, width=0.7, fliersize=0, linewidth=1, medianprops=line)
        sns.swarmplot(cases, **shared, color="#333333", size=2.6, alpha=0.65, warn_thresh=1)
        axes.set_yticks(range(len(names)), list(names.values()))
        axes.set(xlabel=HEADINGS[score], ylabel="")
        axes.grid(axis="x")
    medians = cases.groupby("row")[score].median()
    said = ", ".join(f"{name} {medians[number]:.2f}" for number, name in names.items() if number in medians) or "none"
    return from_figure(figure, f"{of}: {HEADINGS[score]} of every test case as boxes with points. Medians: {said}.")
