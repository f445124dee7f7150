"""What the page shows of the noise in a table: differences and ranks with intervals, false claims, learning curves."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from dmd.report.intervals import forest_plot, rank_plot
from dmd.report.learning import about, draw, learning_curves
from dmd.report.naming import HEADINGS, anchor, row_name, title
from dmd.report.page.image import Picture, from_figure
from dmd.report.page.table import Grid, number
from dmd.report.ranking import claims, rank_rows
from dmd.report.scores import PLAIN, Scores
from dmd.report.tables import ABSENT, Cells

CLAIMED = "Probability that the claim 'row beats column' in {} is false, {} with {} labelled."
CLAIMED_NOTE = (
    "By the means over test patients (arXiv 2505.04720), runs averaged first, no post-processing, not corrected for "
    "the number of claims."
)


def noise_pictures(scores: Scores, comparison: pd.DataFrame, runs: Path) -> list[Picture]:
    """Return the forest plot, the plot of ranks and the learning curves of a table."""
    ranks = rank_rows(scores)
    curves, of = learning_curves(scores.artefact, runs), title(scores.artefact)
    drawn = {
        f"{of}: differences to DMD with intervals; the tables above have the numbers.": forest_plot(scores, comparison),
        f"{of}: {_said(scores, ranks)}": rank_plot(scores, ranks),
        f"{of}: learning curves of each method.": (draw(curves), about(scores.artefact, runs)),
    }
    return [replace(from_figure(figure, alt), caption=told) for alt, (figure, told) in drawn.items()]


def _said(scores: Scores, ranks: pd.DataFrame) -> str:
    """Say the ranks in the first score."""
    score = scores.artefact.form.columns[0]
    lines = ranks.query(PLAIN).query("metric == @score")
    names = [row_name(scores.artefact.rows[place]) for place in lines.index]
    parts = zip(names, lines["rank"], lines["low"], lines["high"], strict=True)
    return f"ranks in {HEADINGS[score]}: " + "; ".join(
        f"{name} {rank:g} [{low:g}, {high:g}]" for name, rank, low, high in parts
    )


def claim_tables(scores: Scores) -> list[Grid]:
    """Return a table per data set and budget: how likely it is false that a row beats a column, in the first score."""
    score, tables = scores.artefact.form.columns[0], []
    asked = claims(scores).query(PLAIN).query("metric == @score")
    for (dataset, labelled), lines in asked.groupby(["dataset", "labelled"], sort=False):
        found = lines["p_false"].to_dict()
        rows = sorted(set(lines.index.get_level_values("row")) | set(lines.index.get_level_values("other")))
        names = [row_name(scores.artefact.rows[place]) for place in rows]
        if len(set(names)) < len(names):  # columns need a name each
            names = [f"{name}, row {place + 1}" for place, name in zip(rows, names, strict=True)]
        cells: Cells = {("", "Winner"): names}
        for place, name in zip(rows, names, strict=True):
            values = [found.get((winner, place)) for winner in rows]
            cells["", name] = [ABSENT if value is None else number(value) for value in values]
        caption = CLAIMED.format(HEADINGS[score], dataset, labelled)
        place = f"{anchor(scores.artefact)}-claims-{dataset}-{labelled}"
        tables.append(Grid(place, caption, cells, CLAIMED_NOTE))
    return tables
