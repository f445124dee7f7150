"""The documentation: every relative link leads somewhere, and the README shows the table that was measured."""

import re
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from dmd import cli
from dmd.planning import config, plan, reading

ROOT = Path(__file__).parents[1]
COMMITTED = (  # panels need networks
    *("half/table3", "half/table3_seeds", "quick/table3"),
    *("quick/table2", "quick/fig3b", "quick/fig4"),
)
OF_TABLES = (
    *(".csv", ".md", ".tex", ".comparison.csv", ".ranks.csv", ".claims.csv", ".learning.csv"),
    *(f".{picture}.caption.txt" for picture in ("forest", "ranks", "learning")),
)
PAGES = sorted(path for place in ("*.md", "config/*.md", "results/*.md", "docs/**/*.md") for path in ROOT.glob(place))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / unquote(link)).exists()]
    assert not missing


def test_the_artefact_of_another_treatment_shares_the_runs_of_its_table(root, tmp_path):
    mine = re.search(r"```yaml\n(.*?)```", (root / "docs/statistics.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "mine.yaml").write_text(mine)
    planned = plan.make(config.check(reading.read(root / "config", tmp_path / "mine.yaml")), root)
    theirs, ours = (planned.artefacts[f"half/{name}"] for name in ("table3", "table3_penalised"))
    assert ours.form.empty == "penalised"
    assert ours.runs == theirs.runs


def test_the_readme_shows_the_committed_table(root):
    table = (root / "docs/results/half/table3.md").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert "\n".join(lines) in (root / "README.md").read_text(encoding="utf-8")
    assert table.startswith("Not the paper's setting: scale 'half'")


@pytest.mark.parametrize("name", COMMITTED)
def test_what_is_committed_is_made_again_from_the_cases_beside_it(root, tmp_path, monkeypatch, name):
    """Every number, byte for byte, of the runs that the configuration plans today."""
    committed = root / "docs/results" / name
    shutil.copytree(committed.parent / "runs", tmp_path / "runs")
    monkeypatch.chdir(root)
    kind = "table" if committed.name.startswith("table") else "curve"
    grid = committed.with_name("grid.yaml")
    laid_over = ["--configfile", str(grid)] if grid.exists() else []
    assert cli.main(["step", kind, name, "--results", str(tmp_path), *laid_over]) == 0
    for ending in OF_TABLES if kind == "table" else (".csv", ".caption.txt"):
        assert (tmp_path / f"{name}{ending}").read_bytes() == Path(f"{committed}{ending}").read_bytes()


def test_a_temperatures_way_has_at_most_eight_stops_and_each_is_there(root):
    way = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("### From YAML to loss")[2]
    stops = re.findall(r"^\| (\d+) \| `([^`]+)`(?: `(\w+)`)? \|", way, flags=re.MULTILINE)
    assert [int(number) for number, *_ in stops] == list(range(1, len(stops) + 1))
    assert 1 < len(stops) <= 8
    for _, file, function in stops:
        text = (root / file).read_text(encoding="utf-8")
        assert f"def {function}(" in text if function else "temperature: 2.0" in text


def commands() -> list[str]:
    """Return the `dmd` commands of the README and the guide that stand in blocks of code."""
    blocks = [
        block
        for page in (
            "README.md",
            "docs/commands.md",
            "docs/tracking.md",
            "docs/statistics.md",
            "docs/slurm.md",
            "docs/your-method.md",
            "docs/compare-with-us.md",
            "docs/working-folder.md",
            "docs/your-scans.md",
        )
        for block in re.findall(r"^```\n(.*?)^```|((?:^    .*\n)+)", (ROOT / page).read_text("utf-8"), re.M | re.S)
    ]
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in "".join(block).splitlines()]
    # `dmd plan: ...` is what a command said.
    return sorted({line.partition("  #")[0] for line in lines if re.match(r"dmd [\w-]+(?![\w:-])", line)})


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_documentation_are_ones(command):
    cli.app.parse_args(shlex.split(command)[1:])
