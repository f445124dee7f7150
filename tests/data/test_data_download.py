import functools
import http.server
import json
import socket
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest

from dmd.data import download as module
from dmd.data.download import download
from dmd.data.sources import acdc, la
from dmd.data.store import sha256
from dmd.errors import InputError
from dmd.planning.splits import checksum


class Archive(http.server.SimpleHTTPRequestHandler):
    """A real server that counts requests and can cut its answers short."""

    requests: list
    cut: set
    stalls: set

    def do_GET(self):
        self.requests.append(self.path)
        if self.path in self.stalls:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(bytes(50000))
            while self.path in self.stalls:
                time.sleep(0.02)
        elif self.path in self.cut:
            content = (self.server.folder + self.path).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(10 * len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(module, "RETRIES", 0)
    (tmp_path / "public").mkdir()
    handler = type("Handler", (Archive,), {"requests": [], "cut": set(), "stalls": set()})
    serve = functools.partial(handler, directory=str(tmp_path / "public"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        server.folder = str(tmp_path)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def publish(root, names):
    """Write one public file per name under the archive; return the checksums of the arrays by name."""
    checksums = {}
    for seed, (case, name) in enumerate(names.items()):
        image = np.random.default_rng(seed).standard_normal((3, 4, 5)).astype(np.float32)
        label = (image > 0).astype(np.uint8)
        path = root / "public" / "r" / "o" / "abc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["image"], file["label"], file["scribble"] = image, label, label
        checksums[case] = [sha256(image), sha256(label)]
    return checksums


def stanza(root, base, reader, path, patients, checksums):
    parts = {"train": patients, "validation": [], "test": []}
    split = {"name": reader, "source": "", "sha256": checksum(parts), "parts": parts}
    (root / "split.json").write_text(json.dumps(split))
    (root / "checksums.json").write_text(json.dumps(checksums))
    archive = {
        "repository": "r/o",
        "commit": "abc",
        "path": path,
        "url": base + "/{repository}/{commit}/{path}",
    }
    facts = {"revision": 1, "reader": reader, "dimensions": 3, "classes": ["a", "b"], "spacing_mm": None}
    files = {"split": str(root / "split.json"), "checksums": str(root / "checksums.json")}
    return facts | files | {"download": archive}


@pytest.fixture
def scans(tmp_path, served):
    """The stanza of a set of three scans, published in the layout of UA-MT."""
    names = {scan: f"data/2018LA_Seg_Training Set/{scan}/mri_norm2.h5" for scan in "ABC"}
    path = "data/2018LA_Seg_Training Set/{case}/mri_norm2.h5"
    return stanza(tmp_path, served[1], "la", path, list("ABC"), publish(tmp_path, names))


def url(scan):
    return f"/r/o/abc/data/2018LA_Seg_Training%20Set/{scan}/mri_norm2.h5"


def test_every_case_lands_where_its_reader_reads_it(tmp_path, served, scans, capfd):
    download(scans, tmp_path / "raw")
    assert [line.split("  ")[0] for line in capfd.readouterr().err.splitlines()] == ["download la"]
    expected = json.loads((tmp_path / "checksums.json").read_text())
    for scan in "ABC":
        assert [sha256(array) for array in la.read(tmp_path / "raw", scan)] == expected[scan]
    assert served[0].requests == [url(scan) for scan in "ABC"]
    assert len([path for path in (tmp_path / "raw").rglob("*") if path.is_file()]) == 3


def test_acdc_is_fetched_under_the_names_of_its_archive(tmp_path, served):
    names = {
        "patient090_frame01": "volumes/patient090_frame04.h5",
        "patient090_frame02": "volumes/patient090_frame11.h5",
    }
    checksums = publish(tmp_path, names)
    download(stanza(tmp_path, served[1], "acdc", "volumes/{case}.h5", ["patient090"], checksums), tmp_path / "raw")
    for case in names:
        assert [sha256(array) for array in acdc.read(tmp_path / "raw", case)] == checksums[case]


def test_what_is_there_and_correct_is_not_fetched_again(tmp_path, served, scans):
    download(scans, tmp_path / "raw")
    la.path(tmp_path / "raw", "B").unlink()
    served[0].requests.clear()
    download(scans, tmp_path / "raw")
    assert served[0].requests == [url("B")]


@pytest.mark.parametrize("left", [b"", b"half a fi", None])
def test_a_damaged_file_is_fetched_again(tmp_path, served, scans, left):
    download(scans, tmp_path / "raw")
    damaged = la.path(tmp_path / "raw", "A")
    if left is None:
        with h5py.File(damaged, "r+") as file:
            file["image"][0, 0, 0] += 1
    else:
        damaged.write_bytes(left)
    served[0].requests.clear()
    download(scans, tmp_path / "raw")
    assert served[0].requests == [url("A")]


def test_an_answer_that_breaks_off_leaves_no_file_and_the_rest_goes_on_later(tmp_path, served, scans):
    served[0].cut.add(url("B"))
    with pytest.raises(InputError, match=r"could not fetch .*/B/.*goes on where it stopped"):
        download(scans, tmp_path / "raw")
    assert [path.parent.name for path in (tmp_path / "raw").rglob("*.h5")] == ["A"]
    assert not list((tmp_path / "raw" / "2018LA_Seg_Training Set" / "B").iterdir())
    served[0].cut.clear()
    served[0].requests.clear()
    download(scans, tmp_path / "raw")
    assert served[0].requests == [url("B"), url("C")]


def test_a_truncated_file_in_the_archive_is_deleted_and_reported(tmp_path, scans):
    published = tmp_path / "public" / "r" / "o" / "abc" / "data" / "2018LA_Seg_Training Set" / "A" / "mri_norm2.h5"
    published.write_bytes(published.read_bytes()[:900])
    with pytest.raises(InputError, match=r"A/.* was wrong and is deleted: .*truncated or corrupt"):
        download(scans, tmp_path / "raw")
    assert not la.path(tmp_path / "raw", "A").exists()


def test_a_file_with_other_arrays_is_deleted_and_reported_with_both_checksums(tmp_path, scans):
    listed = json.loads((tmp_path / "checksums.json").read_text())
    found, listed["A"][1] = listed["A"][1], "0" * 64
    (tmp_path / "checksums.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match=f"the label of case 'A' to have sha256 {'0' * 64}, found {found}"):
        download(scans, tmp_path / "raw")
    assert not la.path(tmp_path / "raw", "A").exists()


def test_a_file_that_the_archive_lacks_is_reported_with_its_address(tmp_path, scans):
    scans["download"]["commit"] = "def"
    with pytest.raises(InputError) as caught:
        download(scans, tmp_path / "raw")
    assert "/r/o/def/data/2018LA_Seg_Training%20Set/A/mri_norm2.h5, found 404" in str(caught.value)


def test_offline_the_message_says_what_to_do_instead(tmp_path, scans):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        scans["download"]["url"] = f"http://127.0.0.1:{closed.getsockname()[1]}/{{path}}"
        with pytest.raises(InputError) as caught:
            download(scans, tmp_path / "raw")
    assert "could not fetch http://127.0.0.1" in str(caught.value)
    assert "`data.la: /path`" in str(caught.value)
    assert la.LAYOUT in str(caught.value)


def test_a_passing_fault_is_tried_again(tmp_path, served, scans, monkeypatch):
    monkeypatch.setattr(module, "RETRIES", 1)
    served[0].cut.add(url("A"))
    threading.Timer(0.5, served[0].cut.clear).start()
    download(scans, tmp_path / "raw")
    assert served[0].requests == [url("A"), url("A"), url("B"), url("C")]


def test_a_set_without_an_archive_asks_for_a_folder(tmp_path, scans):
    with pytest.raises(InputError, match="'la' has no public archive"):
        download(scans | {"download": None}, tmp_path / "raw")


@pytest.mark.parametrize("listed", ["{}", "[]", "null", '{"A": "ab", "B": ["a"], "C": [1, 2]}'])
def test_a_case_without_checksums_is_refused_before_anything_is_fetched(tmp_path, served, scans, listed):
    (tmp_path / "checksums.json").write_text(listed)
    with pytest.raises(InputError, match="found none for A, B, C"):
        download(scans, tmp_path / "raw")
    assert served[0].requests == []


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path, scans):
    la.path(tmp_path / "raw", "A").mkdir(parents=True)
    with pytest.raises(InputError, match=r"could not write .*A/mri_norm2\.h5: Is a directory; .*move away"):
        download(scans, tmp_path / "raw")


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path, scans):
    (tmp_path / "raw").touch()
    with pytest.raises(InputError, match=r"could not write .*A/mri_norm2\.h5: .*; .*move away"):
        download(scans, tmp_path / "raw")


def test_what_a_killed_download_left_is_gone_after_the_next(tmp_path, served, scans):
    """It dies with half a file written, as with SIGKILL."""
    served[0].stalls.add(url("A"))
    code = "import json, sys; from pathlib import Path; from dmd.data.download import download;"
    code += "download(json.loads(sys.argv[1]), Path(sys.argv[2]))"
    folder = la.path(tmp_path / "raw", "A").parent
    killed = subprocess.Popen([sys.executable, "-c", code, json.dumps(scans), str(tmp_path / "raw")])
    while not any(path.stat().st_size for path in folder.glob("*")):
        assert killed.poll() is None
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    served[0].stalls.clear()
    download(scans, tmp_path / "raw")
    assert [path.name for path in folder.iterdir()] == ["mri_norm2.h5"]
