"""What several publications say of one row of a table, and how those numbers came about, as far as that is known."""

from collections.abc import Sequence

from dmd.planning.paper import Published
from dmd.planning.plan import Row

KEPT = {
    "yes": "largest component kept",
    "probably": "largest component probably kept",
    "no": "largest component not kept",
}


def elsewhere(rows: Sequence[Row], scores: Sequence[str]) -> list[str]:
    """Return a sentence for each row that more than one publication has numbers of, the paper's first."""
    return [
        f"Published of {row.label} with {row.labelled} labelled: "
        + "; ".join(_said(published, scores) for published in row.published)
        + "."
        for row in rows
        if len(row.published) > 1
    ]


def _said(published: Published, scores: Sequence[str]) -> str:
    numbers = " / ".join(f"{published.scores[score]:.2f}" for score in scores if score in published.scores)
    rules = [published.selection and f"weights: {published.selection}", KEPT.get(published.largest_component, "")]
    return f"{numbers} ({'; '.join([published.source, *filter(None, rules)])})"
