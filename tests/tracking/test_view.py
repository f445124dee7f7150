"""The view that people open, in a real browser. DMD_SCREENSHOTS names a folder that keeps what it looked like."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import LAUNCH, needed

from dmd import cli
from dmd.errors import InputError
from dmd.planning import config, plan, reading
from dmd.runs.folder import RunFolder
from dmd.runs.history import write_table
from dmd.tracking.mirror import track_run
from dmd.tracking.server import make_server
from dmd.tracking.view import view
from tracking.mirrored import evaluate, free_port, steps

DICE = ("64.06", "65.63", "67.19", "68.75", "70.31")  # of the five runs, as MLflow writes them


@pytest.fixture
def compared(tmp_path, root) -> str:
    """A store with the five runs of Table 3 at scale `smoke`, and one that the table does not use."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    make_server(uri)
    runs = plan.make(config.check(reading.read(root / "config")), root).runs.values()
    wanted = [run for run in runs if "smoke/table3" in run.wanted_by]
    other = next(run for run in runs if "smoke/table1" in run.wanted_by and "smoke/table3" not in run.wanted_by)
    for place, planned in enumerate([*wanted, other]):
        run = RunFolder(tmp_path / "runs" / planned.id)
        run.write_spec(planned.spec)
        steps(run, 0, 30, factor=1 + place)
        write_table(run.history, run.history_table)
        evaluate(run, dice=0.53125 + place / 32)
        track_run(run, uri, list(planned.wanted_by), planned.methods)
    return uri


@pytest.fixture
def shown(compared, tmp_path) -> Iterator[str]:
    """The address that `dmd ui` prints."""
    log = tmp_path / "ui.log"
    command = [sys.executable, "-m", "dmd", "ui", "smoke/table3", "--uri", compared, "--no-browser"]
    command += ["--port", str(free_port())]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, process_group=0)
    said = server.stdout.readline()  # nothing, when it gives up
    assert said, log.read_text()
    yield said.split()[-1]
    os.killpg(server.pid, signal.SIGINT)
    server.communicate(timeout=60)


@pytest.mark.slow
@needed
def test_the_runs_of_a_table_are_compared_in_a_browser(shown, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    kept = Path(os.environ.get("DMD_SCREENSHOTS", tmp_path))
    with sync_playwright() as playwright:
        size = {"width": 1500, "height": 800}
        browser = playwright.chromium.launch_persistent_context(str(tmp_path / "profile"), viewport=size, **LAUNCH)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        outside = []
        page.on("request", lambda request: outside.append(request.url) if not _is_local(request.url) else None)

        page.goto(shown)
        names = page.get_by_role("link", name=re.compile("synthetic3d-8 seed"))
        expect(names).to_have_count(5)
        page.get_by_role("button", name="Close").click()  # MLflow's assistant
        page.screenshot(path=kept / "runs.png")

        page.get_by_role("checkbox", name="Select all runs").check(force=True)
        page.get_by_role("button", name="Compare").click()
        page.locator("svg.main-svg").first.wait_for()
        expect(page.get_by_text("Parallel Coordinates Plot").first).to_be_visible()
        for dice in DICE:
            expect(page.get_by_text(dice).first).to_be_attached()
        page.screenshot(path=kept / "compare.png")

        page.goto("about:blank")  # a change of the fragment alone does not load the page
        page.goto(shown.replace("/runs?", "/runs?compareRunsMode=CHART&"))
        page.locator("svg.main-svg").first.wait_for()
        expect(page.get_by_text("train/loss").first).to_be_visible()
        page.screenshot(path=kept / "curves.png")
        browser.close()
    assert outside == []


def _is_local(address: str) -> bool:
    return urllib.parse.urlsplit(address).hostname in ("127.0.0.1", None)


def test_a_store_that_is_not_there_cannot_be_shown(tmp_path, capsys):
    assert cli.main(["ui", "--uri", f"sqlite:///{tmp_path}/none.db", "--no-browser"]) == 2
    assert "`dmd track` makes it" in capsys.readouterr().err


def test_the_store_of_the_configuration_is_shown(tmp_path, root, monkeypatch, capsys):
    shutil.copytree(root / "config", tmp_path / "config")
    own = tmp_path / "config/config.yaml"
    own.write_text(own.read_text().replace("uri: null", "uri: sqlite:///elsewhere.db"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["ui", "--no-browser"]) == 2
    assert "no database to write to at elsewhere.db" in capsys.readouterr().err


def test_a_table_that_nothing_was_tracked_for_is_said(store):
    with pytest.raises(InputError, match="no run of 'eighth/table3' is tracked yet"):
        view(store, "eighth/table3", browser=False)


def test_a_port_that_is_taken_is_said(store):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="is the port taken"):
        view(store, port=taken.getsockname()[1], browser=False)
