"""Show the runs in MLflow's own user interface."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from dmd.errors import InputError
from dmd.planning.address import database, public
from dmd.planning.identity import scale_of
from dmd.tracking.look import share
from dmd.tracking.record import used_by
from dmd.tracking.server import FAULTS, brief, open_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

STARTED = 120  # seconds that the server may take to answer; 11 on two cores


def view(uri: str, artefact: str = "", host: str = "127.0.0.1", port: int = 5000, *, browser: bool = True) -> None:
    """Serve a SQLite store until Ctrl-C, or find the server that is the store, and open the list of runs.

    Parameters
    ----------
    uri : str
        As in `make_server`.
    artefact : str
        Show the runs of this artefact (``half/table3``); all experiments without it.
    host, port : str and int
        Where the server of a SQLite store listens.
    browser : bool
        Open a browser; without one the address is printed only.

    Raises
    ------
    InputError
        There is no such store, or its server does not start.
    """
    try:
        client = open_server(uri)
        page = _page(client, artefact)
    except FAULTS as error:
        raise InputError(f"no runs to show at {public(uri)}: {brief(error)}") from None
    file = database(uri)
    if file is None:
        _open(f"{uri.rstrip('/')}/{page}", browser)
        return
    address = f"http://{host}:{port}"
    _require_free(host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server must not stay behind
    server = subprocess.Popen(_command(uri, file, host, port), env=os.environ | ENVIRONMENT, stdout=sys.stderr)
    try:
        _wait(server, address, port)
        _open(f"{address}/{page}", browser)
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


# Without the background processes for language-model jobs it is two processes instead of ten.
ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _require_free(host: str, port: int) -> None:
    """Refuse a port that somebody listens on: it would answer in place of our server, with its own runs."""
    try:
        with socket.create_server((host, port)):  # as our server will
            return
    except OSError as error:
        raise InputError(
            f"expected a free port for the server of the runs at {host}:{port}, found: {error.strerror}. "
            f"What answers there is not it: `dmd ui --port {port + 1}`, or end what listens"
        ) from None


def _command(uri: str, file: Path, host: str, port: int) -> list[str]:
    files = file.resolve().parent / "mlartifacts"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host, "--port", str(port)]
    return [*command, "--backend-store-uri", uri, "--artifacts-destination", str(files)]


def _page(client: "MlflowClient", artefact: str) -> str:
    if not artefact:
        return ""
    experiment = client.get_experiment_by_name(f"dmd-{scale_of(artefact)}")
    if experiment is None:
        raise InputError(f"no run of '{artefact}' is tracked yet")
    return share(client, experiment.experiment_id, artefact, used_by(artefact))


def _wait(server: subprocess.Popen[bytes], address: str, port: int) -> None:
    for _ in range(2 * STARTED):
        if server.poll() is not None:
            raise InputError(f"the server at {address} did not start: its reason is above")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=1):
            if _listens(server.pid, port):
                return
        time.sleep(0.5)
    raise InputError(f"the server at {address} did not answer within {STARTED} s; what answers there may be another")


def _listens(process: int, port: int) -> bool:
    """Say whether it is our server, or a process of it, that listens: somebody may have taken the port meanwhile."""
    with contextlib.suppress(psutil.Error):
        server = psutil.Process(process)
        sockets = [one for of in [server, *server.children(recursive=True)] for one in of.net_connections("tcp")]
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)
    return False


def _open(address: str, browser: bool) -> None:
    print(f"MLflow shows the runs at {address}", flush=True)
    if "?" in address:
        print(f"and their charts at {address}&compareRunsMode=CHART", flush=True)
    if browser:
        webbrowser.open(address)
