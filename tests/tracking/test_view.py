"""The view that people open, in a real browser. DMD_SCREENSHOTS names a folder that keeps what it looked like."""

import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from browser import LAUNCH, needed
from mlflow import MlflowClient

from dmd import cli
from dmd.errors import InputError
from dmd.planning import config, plan, reading
from dmd.runs.folder import RunFolder
from dmd.runs.history import now, write_table
from dmd.tracking import view as viewing
from dmd.tracking.look import share, varied
from dmd.tracking.mirror import track_run
from dmd.tracking.record import used_by
from dmd.tracking.server import make_server
from dmd.tracking.view import view
from tracking.mirrored import evaluate, evaluated, free_port, steps


@pytest.fixture
def compared(tmp_path, root) -> str:
    """A store with the five runs of Table 3 at scale `smoke`, five of Fig. 4, and one that neither uses."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    make_server(uri)
    runs = plan.make(config.check(reading.read(root / "config")), root).runs.values()
    wanted = [run for run in runs if "smoke/table3" in run.wanted_by]
    sweep = [run for run in runs if "smoke/fig4" in run.wanted_by and run not in wanted][:5]
    other = next(run for run in runs if "smoke/table1" in run.wanted_by and "smoke/table3" not in run.wanted_by)
    for place, planned in enumerate([*wanted, *sweep, other]):
        run = RunFolder(tmp_path / "runs" / planned.id)
        run.write_spec(planned.spec)
        steps(run, 0, 30, factor=1 + place)
        write_table(run.history, run.history_table)
        evaluate(run, dice=0.53125 + place / 32)
        run.usage.write_text(json.dumps({"step": 1, "time": now(), "values": {"cpu_percent": 99.0}}) + "\n")
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
def test_the_first_look_shows_names_scores_and_curves(compared, shown, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    kept = Path(os.environ.get("DMD_SCREENSHOTS", tmp_path))
    client = MlflowClient(compared)
    fig4 = share(client, client.get_experiment_by_name("dmd-smoke").experiment_id, "smoke/fig4", used_by("smoke/fig4"))
    with sync_playwright() as playwright:
        size = {"width": 1280, "height": 800}
        browser = playwright.chromium.launch_persistent_context(str(tmp_path / "profile"), viewport=size, **LAUNCH)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        outside = []
        page.on("request", lambda request: outside.append(request.url) if not _is_local(request.url) else None)

        page.goto(shown)
        expect(page.get_by_role("link", name=re.compile("s1337 synthetic3d-8"))).to_have_count(5)
        assistant = page.get_by_role("button", name="Close")  # MLflow's panel, which opens once
        assistant.wait_for()
        for column in ("tags.`method`", "tags.`labelled`", "tags.`seed`", "metrics.`dice`", "metrics.`hd95_voxel`"):
            box = page.locator(f'.ag-header-cell[col-id="{column}"]').bounding_box()
            assert box["x"] + box["width"] < 930, column  # where the panel starts
        expect(page.get_by_role("link", name="DMD T=2 λ=4 s1337 synthetic3d-8")).to_be_visible()
        page.screenshot(path=kept / "runs.png")
        assistant.click()

        for name, address, charts in (
            ("charts", shown, ["dice", "hd95_voxel", "train/loss"]),
            (
                "fig4",
                f"{shown.partition('#')[0]}{fig4}",
                ["dice", "hd95_voxel", "train/loss", "Parallel Coordinates"],
            ),
        ):
            page.goto("about:blank")  # a change of the fragment alone does not load the page
            page.goto(f"{address}&compareRunsMode=CHART")
            page.locator("svg.main-svg").first.wait_for()
            page.set_viewport_size({"width": 1280, "height": 1150})
            page.wait_for_timeout(3000)  # drawn
            page.screenshot(path=kept / f"{name}.png")
            text = page.locator("body").inner_text()
            places = [text.index(f"\n{title}\n") for title in [*charts, "train", "System metrics"]]
            assert places == sorted(places), name
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
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="expected a free port"):
        view(store, port=taken.getsockname()[1], browser=False)


def test_a_server_that_took_the_port_meanwhile_is_not_shown(store, monkeypatch, capfd):
    """It answers as MLflow does, and shows other runs."""
    monkeypatch.setattr(viewing, "_command", lambda *arguments: ["sleep", "60"])
    monkeypatch.setattr(viewing, "_require_free", lambda host, port: None)
    monkeypatch.setattr(viewing, "STARTED", 1)
    with _answering() as port, pytest.raises(InputError, match="did not answer"):
        view(store, port=port, browser=False)
    assert "MLflow shows" not in capfd.readouterr().out


def test_another_server_in_the_place_of_mlflow_is_not_shown(capsys):
    with _answering() as port, pytest.raises(InputError, match="no runs to show"):
        view(f"http://127.0.0.1:{port}", browser=False)
    assert "MLflow shows" not in capsys.readouterr().out


@contextlib.contextmanager
def _answering() -> Iterator[int]:
    """A server that says OK whatever it is asked."""

    class Stranger(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"OK")

        do_POST = do_GET  # noqa: N815

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def test_the_documented_line_gives_the_table(root, tmp_path, monkeypatch):
    store = f"sqlite:///{tmp_path}/mlflow.db"  # where no other test sends a run of the same table
    make_server(store)
    run = evaluated(tmp_path, root, seed=20)
    track_run(run, store, ["half/table3"], ["dml"])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    [line] = re.findall(r"^ +(mlflow\.search_runs\(.*)$", (root / "docs/tracking.md").read_text(), re.MULTILINE)
    [row] = eval(line, {"mlflow": mlflow}).values.tolist()
    assert row == ["DML T=2 λ=4 s20 synthetic3d-8", "8", 81.25, 7.5]


def test_what_a_view_compares_is_what_the_runs_differ_in():
    def of(**params: str) -> dict[str, str]:
        return {"weight": "4", "temperature": "2", "lr": "0.01", "divergence": "dice"} | params

    assert varied([of(seed="1"), of(seed="2")]) == []
    assert varied([of(weight="3"), of(), of(divergence="kl")]) == ["temperature", "weight"]
    assert varied([of(lr="0.1"), of()]) == ["lr"]
    assert varied([of(weight="3"), {"weight": "4", "lr": "0.01"}]) == ["weight"]
    assert varied([]) == []
