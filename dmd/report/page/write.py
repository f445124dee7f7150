"""Make the page: collect its parts from what exists and fill the template."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from dmd.files import write_text
from dmd.planning.artefacts import Scored
from dmd.planning.plan import Artefact
from dmd.progress import track
from dmd.report.page import distributions, figures, naming, overlays, readings, runs, scores
from dmd.report.page.comparison import Comparison, comparison
from dmd.report.page.image import Picture
from dmd.report.page.table import Table
from dmd.report.scores import settings

DEVIATIONS = Path("docs/deviations.md")


@dataclass(frozen=True)
class Section:
    """A table or figure with all that is known of it, the ``command`` that makes it, and whether it is ``made``."""

    id: str
    title: str
    command: str
    made: bool
    scores: Table | None
    component: Table | None
    comparison: Comparison | None
    distributions: list[Picture]
    figure: Picture | None


def write_page(artefacts: Sequence[Artefact], results: Path, output: Path, deviations: Path = DEVIATIONS) -> None:
    """Write one self-contained HTML page about the artefacts of a scale; what is missing is named.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Those of one scale, in the order of the page.
    results : Path
        The folder that holds ``runs``, ``data`` and the artefacts.
    output : Path
        The page.
    deviations : Path
        The document with the readings of the paper.

    Raises
    ------
    InputError
        A file that exists is not what it should be.
    """
    tables = [artefact for artefact in artefacts if artefact.form.kind == "table"]
    made = (_section(artefact, results) for artefact in track("report", artefacts))
    sections = [section for section in made if section]
    entries, missing = runs.list_runs(artefacts, results)
    page = _template().render(
        scale=artefacts[0].scale,
        settings=_settings(artefacts, results / "runs"),
        sections=sections,
        todo=[(naming.title(entry), naming.command(entry)) for entry in artefacts if not _made(entry, results)],
        worst=list(overlays.worst_cases(tables, results / "runs", results / "data")),
        worst_caption=overlays.CAPTION,
        distribution_caption=distributions.CAPTION,
        cost=runs.cost_table(entries),
        runs=entries,
        missing=missing,
        evaluated=sum(entry.state == "evaluated" for entry in entries),
        readings=readings.readings(deviations),
        deviations=deviations,
    )
    write_text(output, page)


def _section(artefact: Artefact, results: Path) -> Section | None:
    """Return what there is of an artefact; None where there is nothing."""
    is_table = artefact.form.kind == "table"
    section = Section(
        id=naming.anchor(artefact),
        title=naming.title(artefact),
        command=naming.command(artefact),
        made=_made(artefact, results),
        scores=scores.score_table(artefact, results / "runs") if isinstance(artefact.form, Scored) else None,
        component=scores.component_table(artefact, results / "runs") if is_table else None,
        comparison=comparison(artefact, results / "runs") if is_table else None,
        distributions=distributions.distributions(artefact, results / "runs") if is_table else [],
        figure=None if is_table else figures.figure(artefact, results),
    )
    return section if section.scores or section.figure else None


def _made(artefact: Artefact, results: Path) -> bool:
    return (results / naming.file(artefact)).exists()


def _settings(artefacts: Iterable[Artefact], folder: Path) -> list[str]:
    """Say on what data, patch and number of iterations the evaluated runs were trained, each setting once."""
    return list(
        dict.fromkeys(said for entry in artefacts for said in settings(scores.evaluated(entry, folder), folder))
    )


def _template() -> jinja2.Template:
    text = resources.files("dmd.report.page").joinpath("page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
