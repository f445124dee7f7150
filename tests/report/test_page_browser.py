"""The page in a real browser, on a desk and on a phone. DMD_SCREENSHOTS names a folder for what it looked like."""

import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import LAUNCH, needed
from PIL import Image

from dmd.report.page.write import write_page

from .halfway import evaluated_table

WIDTHS = {"desk": 1280, "phone": 390}

pytestmark = [
    pytest.mark.slow,
    needed,
]

# WCAG 2.2: relative luminance of every text against the nearest background that is painted.
LOW_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => numbers(colour).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, style")) continue;
    texts += 1;
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => a - b);
    const contrast = (pair[1] + 0.05) / (pair[0] + 0.05);
    if (contrast < 4.5) found.push([walker.currentNode.data.trim().slice(0, 40), contrast]);
  }
  return { texts, found };
}"""


@pytest.fixture(scope="module")
def page_file(results, planned, root, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(planned.of_scale("smoke"), results, path)
    return path


@pytest.fixture(scope="module")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(**LAUNCH)
        yield started
        started.close()


@pytest.fixture(scope="module", params=WIDTHS)
def page(request, browser, page_file) -> Iterator:
    opened = browser.new_page(viewport={"width": WIDTHS[request.param], "height": 850})
    opened.set_default_timeout(60_000)
    opened.complaints, opened.outside = [], []
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda sent: opened.outside.append(sent.url) if _leaves(sent.url, page_file) else None)
    opened.goto(page_file.as_uri())
    yield opened
    kept = os.environ.get("DMD_SCREENSHOTS")
    if kept:
        opened.screenshot(path=Path(kept) / f"report-{request.param}.png", full_page=True)
    opened.close()


def _leaves(address: str, page_file: Path) -> bool:
    return not address.startswith("data:") and address.partition("#")[0] != page_file.as_uri()


def test_it_opens_quietly_and_asks_no_other_host(page):
    assert page.title() == "Deep mutual distillation: results at scale smoke"
    assert page.complaints == []
    assert page.outside == []


def test_its_policy_refuses_what_someone_adds(page, page_file, browser):
    changed = page_file.with_name("changed.html")
    text = page_file.read_text(encoding="utf-8")
    changed.write_text(text.replace("</main>", '<img src="http://127.0.0.1:9/outside.png" alt="x"></main>'), "utf-8")
    other = browser.new_page()
    complaints = []
    other.on("console", lambda message: complaints.append(message.text))
    other.goto(changed.as_uri())
    other.close()
    assert any("Content Security Policy" in complaint for complaint in complaints)


def test_on_paper_everything_is_unfolded_and_nothing_is_cut_off(page_file, browser):
    """At the width of A4 landscape within its margins: 273 mm of 96 / 25.4 pixels each."""
    printed = browser.new_page(viewport={"width": 1032, "height": 700})
    printed.goto(page_file.as_uri())
    assert printed.locator("details:not([open])").count() > 0
    assert len(printed.pdf(prefer_css_page_size=True)) > 100_000
    printed.emulate_media(media="print")
    assert printed.locator("details:not([open])").count() == 0
    assert all(block.is_visible() for block in printed.locator("details > :not(summary)").all())
    wide = "all => all.filter(e => e.scrollWidth > document.documentElement.clientWidth).map(e => e.id || e.tagName)"
    assert printed.eval_on_selector_all("html, body, table, pre, img", wide) == []
    printed.close()


def test_every_figure_is_drawn_and_described(page):
    images = page.eval_on_selector_all(
        "img", "all => all.map(i => [i.naturalWidth, i.alt, i.getBoundingClientRect().width])"
    )
    # Fig. 2; four distributions; three rows with two worst cases; three training curves and the one that began.
    assert len(images) >= 1 + 2 * 4 + 3 * 2 + 4
    assert all(width > 0 and shown > 0 for width, _, shown in images)
    assert all(len(alt) > 20 for _, alt, _ in images)


def test_nothing_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.fixture(scope="module")
def widest(planned, tmp_path_factory) -> Path:
    """Table 3 at the paper's scale: numbers of the paper, differences, and a spread over three seeds."""
    folder = tmp_path_factory.mktemp("paper")
    evaluated_table(folder, planned, "table3")
    write_page([planned.artefacts["table3"]], folder, folder / "report.html")
    return folder / "report.html"


def test_tables_fit_a_desk_and_where_they_do_not_show_that_they_go_on(widest, browser):
    widths = "all => all.map(e => [e.querySelector('table').id, e.scrollWidth - e.clientWidth])"
    for width in WIDTHS.values():
        opened = browser.new_page(viewport={"width": width, "height": 850})
        opened.goto(widest.as_uri())
        more = dict(opened.eval_on_selector_all(".scroll:has(table)", widths))
        assert {"table3-scores", "table3-comparison-none", "cost-table"} <= set(more)
        assert not any(more.values()) or width < 1280, more
        for name, hidden in more.items():
            table = opened.locator(".scroll", has=opened.locator(f"#{name}"))
            assert _right_edge(table) == bool(hidden), name
            table.evaluate("e => e.scrollLeft = e.scrollWidth")
            assert not _right_edge(table), name
        opened.close()


def _right_edge(table) -> bool:
    """Say whether the right edge of a table's rows is in shadow: darker than 40 pixels further in."""
    with Image.open(io.BytesIO(table.screenshot())) as picture:
        pixels = np.asarray(picture.convert("L"), float)[-60:]
    return bool(np.median(pixels[:, -2]) < np.median(pixels[:, -40]) - 20)


def test_text_has_contrast(page):
    page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
    measured = page.evaluate(LOW_CONTRAST)
    assert measured["texts"] > 300
    assert measured["found"] == []


def test_headings_are_in_order(page):
    levels = page.eval_on_selector_all("h1, h2, h3, h4, h5, h6", "all => all.map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    assert page.get_attribute("html", "lang") == "en-GB"


def test_tables_name_their_columns_and_rows(page):
    assert page.locator("table").count() >= 4
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("tbody tr > :first-child:not(th[scope=row])").count() == 0
    unnamed = "all => all.filter(t => !document.getElementById(t.getAttribute('aria-labelledby'))?.textContent.trim())"
    assert page.eval_on_selector_all("table", f"{unnamed}.map(t => t.id)") == []
    assert page.eval_on_selector_all("[id]", "all => all.length - new Set(all.map(e => e.id)).size") == 0


def test_rows_are_sorted_by_mouse_and_keyboard(page):
    table = page.locator("#table3-scores")
    names = lambda: table.locator("tbody th").all_inner_texts()  # noqa: E731
    dice = table.locator("thead tr").nth(1).locator("th").first
    assert names() == ["V-Net", "CPS*", "MC-Net"]
    # Mean Dice 60, 60 and 80 %.
    dice.get_by_role("button").click()
    assert dice.get_attribute("aria-sort") == "ascending"
    assert names() == ["V-Net", "CPS*", "MC-Net"]
    dice.get_by_role("button").press("Enter")
    assert dice.get_attribute("aria-sort") == "descending"
    assert names() == ["MC-Net", "V-Net", "CPS*"]
    method = table.locator("thead th").first
    method.get_by_role("button").focus()
    page.keyboard.press("Space")
    assert names() == ["CPS*", "MC-Net", "V-Net"]
    assert table.locator("[aria-sort]").count() == 1


def test_what_has_no_value_stays_last(page):
    """A run that trains has no time yet."""
    cost = page.locator("#cost-table")
    for _ in ("ascending", "descending"):
        cost.get_by_role("button", name="Wall time").click()
        assert "started" in cost.locator("tbody tr").last.inner_text()


def test_a_number_leads_to_its_run_and_a_missing_one_unfolds(page):
    page.eval_on_selector_all("details", "all => all.forEach(d => d.open = false)")
    page.locator("#artefact-table3 > details").evaluate("folded => folded.open = true")
    evaluated = page.locator("#table3-scores tbody tr").filter(has_text="V-Net")
    missing = page.locator("#artefact-table3 > details li").filter(has_text="DMD")
    for place, inside in ((evaluated, False), (missing, True)):
        link = place.locator("a").last
        link.click()
        run = page.locator(f"[id='{link.get_attribute('href')[1:]}']")
        assert run.is_visible()
        assert run.locator("xpath=ancestor::details").count() == inside


def test_it_was_quiet_and_asked_no_other_host_until_the_end(page):
    """After the sorting and unfolding of the tests above, which ran on the same page."""
    assert page.complaints == []
    assert page.outside == []
