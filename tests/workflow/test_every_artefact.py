"""Every table and figure of the paper, made by the real Snakefile from a few steps of every method."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from browser import CHROMIUM, LAUNCH, REASON
from PIL import Image

from workflow.project import clone, snakemake

FIGURES = ("fig2", "fig3a", "fig3b", "fig4", "entropy")
# Networks and trainings as small as they can be, and windows that do not overlap.
SMOKE = {
    "width": 4,
    "datasets": {
        "la": {"iterations": 2, "stride": [32, 32, 16]},
        "acdc": {"iterations": 2, "validate_every": 1},
    },
}
# Every method once, in a table of the paper that has it, and two points of a line. test_snakefile.py has the whole
# planned, tests/methods every method in two and three dimensions.
LA, ACDC = {"dataset": "la", "labelled": 8}, {"dataset": "acdc", "labelled": 3}
DMD = LA | {"method": "dmd"}
PARTS = {
    "table1": [LA | {"method": ["dap", "uamt", "sassnet", "lgermt", "duwm", "dtc", "ssnet", "dmd"]}],
    "table2": [ACDC | {"method": ["supervised", "urpc", "dmd"]}],
    "table3": [LA | {"method": ["supervised", "cps", "mcnet", "dml", "dmd"]}],
    "fig3b": [DMD | {"params": {"divergence": "dice", "temperature": 2, "weight": [3, 4]}}],
    "fig4": [
        DMD | {"params": {"divergence": "dice", "weight": 4, "temperature": [1, 2]}},
        DMD | {"params": {"divergence": "kl", "weight": 1, "temperature": 1}},
    ],
}
TABLES = {"table1": 8, "table2": 3, "table3": 5}
STARRED = {"table1": {"dap", "duwm"}, "table2": {"dmd"}, "table3": {"cps", "dml"}}


@pytest.mark.slow
def test_all_that_the_paper_prints(tmp_path):
    """One test, since two workers would each make it all."""
    folder = clone(tmp_path)
    make(folder)
    results = folder / "results/smoke"
    for name in TABLES:
        require_table(results, name)
    for name in FIGURES:
        require_figure(results, name)
    require_page(results / "report.html")
    again = snakemake(folder, "--dry-run", "--configfile", "own.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr
    require_own_report(folder)
    if CHROMIUM is None:
        pytest.skip(f"all but the look in a browser is done: {REASON}")
    for width in (1280, 390):
        require_figures_in_browser(results / "report.html", width)


def make(folder: Path) -> None:
    own = {
        "scale": "smoke",
        "build": [*TABLES, *FIGURES],
        "scales": {"smoke": SMOKE},
        "artefacts": {name: {"runs": runs} for name, runs in PARTS.items()},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    done = snakemake(folder, "--configfile", "own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def require_table(results: Path, name: str) -> None:
    """Require every row, with its numbers."""
    rows = lines(results / f"{name}.csv")
    assert len(rows) == TABLES[name]
    assert all(0 <= float(row["dice_mean"]) <= 100 and row["runs"] for row in rows)
    assert not any(row["dice_paper"] for row in rows)  # the paper has no number for synthetic scans
    assert (results / f"{name}.md").read_text().count("\n| ") == TABLES[name] + 1  # the headings
    assert {row["method"] for row in rows if row["reconstructed"] == "True"} == STARRED[name]


def require_figure(results: Path, name: str) -> None:
    """Require both pictures, and the plotted values."""
    with Image.open(results / f"{name}.png") as picture:
        assert picture.width >= 1000
    assert (results / f"{name}.svg").read_text().startswith("<?xml")
    assert lines(results / f"{name}.csv")


def require_page(path: Path) -> None:
    page = path.read_text()
    (missing,) = re.findall(r'<section id="missing".*?</section>', page, re.DOTALL)
    assert "Nothing." in missing
    assert all(f'id="artefact-{name}"' in page for name in FIGURES)


def require_own_report(folder: Path) -> None:
    """Require Snakemake's report with the figures and the pictures of the data."""
    pictures = [str(path.relative_to(folder)) for path in (folder / "results/data").glob("*.png")]
    targets = ["results/smoke/report.html", *pictures]
    done = snakemake(folder, "--report", "results/own.html", "--configfile", "own.yaml", "--", *targets)
    assert done.returncode == 0, done.stderr[-3000:]
    own = (folder / "results/own.html").read_text()
    assert all(category in own for category in ('"Tables"', '"Figures"', '"Report"', '"Data"'))


def require_figures_in_browser(page_file: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        page = browser.new_page(viewport={"width": width, "height": 850})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        for name in FIGURES:
            image = page.locator(f"#artefact-{name} figure img").first
            image.scroll_into_view_if_needed()
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            caption = page.locator(f"#artefact-{name} figcaption").first.inner_text()
            assert "Runs:" in caption
            assert "cale 'smoke'" in caption
        browser.close()
    assert said == []
    assert all(url.startswith("data:") or url.partition("#")[0] == page_file.as_uri() for url in asked)
