"""All that the paper prints, made by the real Snakefile from a few steps of every method."""

import csv
import re
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from workflow.project import clone, snakemake

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
TABLES = {"table1": 20, "table2": 10, "table3": 5}  # with the supervised row that ours has beside the paper's four
FIGURES = ("fig2", "fig3a", "fig3b", "fig4", "entropy")
STEPS = {"la": {"iterations": 4}, "acdc": {"iterations": 4, "validate_every": 2}}
# Two points of each line stand for the grids, whose whole is planned in test_snakefile.py.
GRIDS = {
    "fig3b": [{"divergence": "dice", "temperature": 2, "weight": [3, 4]}],
    "fig4": [
        {"divergence": "dice", "weight": 4, "temperature": [1, 2]},
        {"divergence": "kl", "weight": 1, "temperature": [1, 2]},
    ],
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = clone(tmp_path_factory.mktemp("all"))
    grid = {"dataset": "la", "labelled": 8, "method": "dmd"}
    own = {
        "scale": "smoke",
        "build": [*TABLES, *FIGURES],
        "scales": {"smoke": {"datasets": STEPS}},
        "artefacts": {name: {"runs": [grid | {"params": line} for line in lines]} for name, lines in GRIDS.items()},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    done = snakemake(folder, "--configfile", "own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "results/smoke"


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_every_row_of_the_paper_and_its_numbers(made, name):
    rows = lines(made / f"{name}.csv")
    assert len(rows) == TABLES[name]
    assert all(0 <= float(row["dice_mean"]) <= 100 and row["runs"] for row in rows)
    printed = [row for row in rows if row["dice_paper"]]
    assert len(printed) == TABLES[name]
    assert (made / f"{name}.md").read_text().count("\n| ") == TABLES[name] + 2  # headings and their line
    starred = {row["method"] for row in rows if row["reconstructed"] == "True"}
    assert starred == {"table1": {"dap", "duwm"}, "table2": {"sassnet", "dtc", "dmd"}, "table3": {"cps", "dml"}}[name]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_in_both_forms_with_its_values(made, name):
    with Image.open(made / f"{name}.png") as picture:
        assert picture.width >= 1000
    assert (made / f"{name}.svg").read_text().startswith("<?xml")
    assert lines(made / f"{name}.csv")


def test_the_page_has_all_of_it_and_nothing_is_missing(made):
    page = (made / "report.html").read_text()
    (missing,) = re.findall(r'<section id="missing".*?</section>', page, re.DOTALL)
    assert "Nothing." in missing
    for name in FIGURES:
        assert f'id="{name}"' in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_every_figure_with_its_runs(made, width):
    require_figures_in_browser(made / "report.html", width)


def require_figures_in_browser(page_file: Path, width: int) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": width, "height": 850})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        for name in FIGURES:
            image = page.locator(f"#{name} figure img").first
            image.scroll_into_view_if_needed()
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            caption = page.locator(f"#{name} figcaption").first.inner_text()
            assert "Runs:" in caption
            assert "cale 'smoke'" in caption
        browser.close()
    assert said == []
    assert all(url.startswith("data:") or url.partition("#")[0] == page_file.as_uri() for url in asked)


def test_nothing_is_made_twice(made):
    again = snakemake(made.parents[1], "--dry-run", "--configfile", "own.yaml")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_snakemakes_own_report_has_the_figures(made):
    folder = made.parents[1]
    done = snakemake(folder, "--report", "results/own.html", "--configfile", "own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    own = (folder / "results/own.html").read_text()
    assert all(category in own for category in ('"Tables"', '"Figures"', '"Report"', '"Data"'))
