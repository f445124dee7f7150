"""Make the page: collect its parts from what exists and fill the template."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from dmd.errors import InputError
from dmd.files import write_text
from dmd.planning.artefacts import Scored, Table
from dmd.planning.plan import Artefact
from dmd.planning.project import DEVIATIONS
from dmd.progress import track
from dmd.report.comparison import compare_rows
from dmd.report.naming import anchor, is_published, setting_name, settings, title
from dmd.report.page import overlays, readings, runs
from dmd.report.page.distributions import distributions
from dmd.report.page.image import from_files
from dmd.report.page.noise import claim_tables, noise_pictures
from dmd.report.page.scores import comparison_tables, score_table
from dmd.report.page.table import look, unbroken
from dmd.report.scores import Scores, read
from dmd.report.style import MOST_ROWS
from dmd.report.tested import ReadOnce
from dmd.report.verdict import say_verdict
from dmd.runs.folder import RunFolder
from dmd.runs.guests import FOLDER, GuestFolder

MOST_CURVES = 100  # of a page of a few megabytes, made in seconds


def write_page(artefacts: Sequence[Artefact[Any]], results: Path, output: Path) -> None:
    """Write one self-contained HTML page about the artefacts of a scale: what is complete first, what is missing named.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Those of one scale.
    results : Path
        The folder that holds ``runs``, ``data`` and the artefacts.
    output : Path
        The page.

    Raises
    ------
    InputError
        A file that exists is not what it should be, or there is nothing to show.
    """
    load = ReadOnce(results / "runs")
    done = [evaluated(artefact, results) for artefact in artefacts]
    scores = [read(of, load) if isinstance(of.form, Scored) and _is_begun(of) else None for of in done]
    work = track("report", list(zip(artefacts, scores, strict=True)))
    sections = sorted((_section(artefact, found, results) for artefact, found in work), key=_is_incomplete)
    entries, missing = runs.list_runs(artefacts, results, MOST_CURVES)
    if not entries and not any(section["figure"] for section in sections):
        raise InputError(
            f"expected a run of scale '{artefacts[0].scale}' that has begun in {results / 'runs'}, or a figure of it, "
            f"found neither; name another --scale or --results, or make one: {sections[0]['command']}"
        )
    tables = [section["of"] for section in sections if section["parts"]]
    page = _template().render(
        scale=artefacts[0].scale,
        settings=settings(artefacts, {run: spec for found in scores if found for run, spec in found.specs.items()}),
        published=any(map(is_published, artefacts)),
        sections=sections,
        worst=[] if _is_long(tables) else list(overlays.worst_cases(tables, results)),
        too_long=_is_long(tables),
        most_rows=MOST_ROWS,
        most_curves=MOST_CURVES,
        cost=runs.cost_table(entries),
        runs=entries,
        missing=missing,
        readings=readings.readings(DEVIATIONS),
        look=look,
        unbroken=unbroken,
    )
    write_text(output, page)


def evaluated(artefact: Artefact[Any], results: Path) -> Artefact[Any]:
    """Return an artefact whose rows have the runs and guests that are evaluated."""
    done = {run for run in artefact.runs if RunFolder(results / "runs" / run).cases.exists()}
    rows = [replace(row, runs=tuple(run for run in row.runs if run in done)) for row in artefact.rows]
    lost = [row for row in rows if row.guest and not GuestFolder(results / FOLDER / row.guest).cases.exists()]
    return replace(artefact, rows=tuple(replace(row, guest=None) if row in lost else row for row in rows))


def _is_begun(artefact: Artefact[Any]) -> bool:
    return any(row.results for row in artefact.rows)


def _section(artefact: Artefact[Any], scores: Scores | None, results: Path) -> dict[str, Any]:
    """Return what there is of an artefact, whether it is made, by which command, and which rows lack which runs."""
    is_table, name = isinstance(artefact.form, Table), title(artefact)
    file = f"{artefact.name}.{'csv' if is_table else 'png'}"
    picture = None if is_table else from_files(results / file, f"{name}: {artefact.form.caption}")
    rows = zip(artefact.rows, scores.artefact.rows, strict=True) if scores else ()
    section: dict[str, Any] = {
        "id": f"artefact-{anchor(artefact)}",
        "title": name,
        "command": f"snakemake --cores 2 -- results/{file}",
        "rows": len(artefact.rows),
        "incomplete": [
            (setting_name(row), [run for run in row.runs if run not in done.runs])
            for row, done in rows
            if row.results != done.results
        ],
    }
    section |= {"made": (results / file).exists(), "figure": picture, "scores": None, "of": scores, "parts": None}
    if scores:
        section["scores"] = score_table(artefact, scores, scores.summary())
    if scores and is_table:
        compared = compare_rows(scores)
        parts = {"verdict": say_verdict(scores, compared), "comparison": comparison_tables(scores, compared)}
        section["parts"] = parts | {"is_long": _is_long([scores])}
        if not _is_long([scores]):
            drawn = {"noise": noise_pictures(scores, compared, results / "runs"), "claims": claim_tables(scores)}
            section["parts"] |= drawn | {"distributions": distributions(scores)}
    return section


def _is_long(tables: Sequence[Scores]) -> bool:
    """Say whether tables have more rows with runs, each counted once, than pictures are drawn of."""
    return len({row.runs for scores in tables for row in scores.artefact.rows if row.runs}) > MOST_ROWS


def _is_incomplete(section: dict[str, Any]) -> bool:
    return not section["made"] or bool(section["incomplete"])


def _template() -> jinja2.Template:
    text = resources.files("dmd.report.page").joinpath("page.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return page.from_string(text)
