from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.planning import reading


def test_merge_goes_through_dictionaries_and_replaces_lists():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert reading.merge(base, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}, "d": 1}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_a_users_own_file_wins(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("scale: half\nmethods: {dmd: {params: {weight: 3}}}\n")
    merged = reading.read(root / "config", mine)
    assert merged["scale"] == "half"
    ours = reading.read(root / "config")["methods"]["dmd"]["params"]
    assert merged["methods"]["dmd"]["params"] == ours | {"weight": 3}


def test_what_a_folder_says_is_laid_over_the_projects_and_all_else_follows_it(content, tmp_path):
    """Also of a folder with one file, an empty one or none: an upgrade of the package is not hidden by old copies."""
    assert reading.read(tmp_path / "none") == content
    (tmp_path / "config.yaml").write_text("# Nothing yet.\n")
    assert reading.read(tmp_path) == content
    (tmp_path / "config.yaml").write_text("scale: half\ndata: {la: /mine}\n")
    (tmp_path / "scales.yaml").write_text("scales: {half: {seeds: [7]}}\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("scale: quick\n")
    found = reading.read(tmp_path, mine)
    assert (found["scale"], found["data"]) == ("quick", content["data"] | {"la": "/mine"})
    assert found["scales"]["half"] == content["scales"]["half"] | {"seeds": [7]}
    assert found["methods"] == content["methods"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=f"a configuration file at {tmp_path}/none.yaml, found none"):
        reading.read(tmp_path, tmp_path / "none.yaml")


def test_a_file_that_is_not_yaml_is_named(root, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("a: [1")
    with pytest.raises(InputError, match=r"mine\.yaml is not valid YAML"):
        reading.read(root / "config", mine)
    mine.write_text("- a\n")
    with pytest.raises(InputError, match="expected a mapping of keys, found list"):
        reading.read(root / "config", mine)


def test_a_key_that_stands_twice_is_refused_with_its_place(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("build: [table3]\nmethods:\n  dmd: {}\n  dmd: {}\n")
    with pytest.raises(InputError, match="each key once in the mapping from line 3 on, found 'dmd' again"):
        reading.read_file(mine)


@pytest.mark.parametrize(
    ("content", "message"), [(b"\xff\xfe", "configuration file in UTF-8"), (None, "found a folder")]
)
def test_a_file_that_is_no_text_and_a_folder_are_refused(tmp_path, content, message):
    mine = tmp_path / "mine.yaml"
    mine.mkdir() if content is None else mine.write_bytes(content)
    with pytest.raises(InputError, match=message):
        reading.read_file(mine)


def test_a_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("scale: half\n")
    assert reading.read_file(Path("~/mine.yaml")) == {"scale": "half"}
