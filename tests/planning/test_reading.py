import json
from pathlib import Path
from typing import Any

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


def test_a_budget_that_is_a_number_in_one_place_and_a_word_in_another_is_merged_key_by_key(tmp_path):
    """JSON and the words of --config have no key that is a number, and the last of two was taken whole."""

    def write(name: str, budget: str, params: str) -> Path:
        path = tmp_path / name
        path.write_text(f'{{"methods": {{"dmd": {{"tuned": {{"la": {{{budget}: {params}}}}}}}}}}}')
        return path

    number = write("number.yaml", "16", '{"temperature": 1, "weight": 2}')
    again, word = write("again.yaml", "16", '{"weight": 3}'), write("word.json", '"16"', '{"weight": 3}')

    def tuned(*files: Path, words: dict[str, Any] | None = None) -> dict[str, Any]:
        return reading.merge(reading.read(tmp_path, *files), words or {})["methods"]["dmd"]["tuned"]["la"]

    assert tuned(again) == tuned(word) == {"16": {"temperature": 1.93, "weight": 3}}  # the project's own below
    merged = {"16": {"temperature": 1, "weight": 3}}
    assert tuned(number, again) == tuned(number, word) == tuned(number, words=reading.read_file(word)) == merged
    assert tuned(word, number) == {"16": {"temperature": 1, "weight": 2}}


def test_both_spellings_of_a_budget_in_what_snakemake_merged_are_one(tmp_path):
    """It lays the words of its command line beside the numbers of a file; the later wins key by key."""
    both = {"tuned": {"la": {16: {"temperature": 1, "weight": 2}, "16": {"weight": "3"}}}}
    option = reading.keep(both, tmp_path)
    kept = reading.read_file(Path(option.removeprefix("--configfile ")))
    assert kept == {"tuned": {"la": {"16": {"temperature": 1, "weight": "3"}}}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"datasets": {"la": {"revision": 1}}}, {"datasets": {"la": {"revision": 1, "checksums": None}}}),
        ({"build": ["a", "b"]}, {"build": ["b", "a"]}),
        ({"artefacts": {"a": {}, "b": {}}}, {"artefacts": {"b": {}, "a": {}}}),
    ],
    ids=["null", "list", "order"],
)
def test_what_is_kept_for_the_steps_is_never_that_of_another_content(tmp_path, first, second):
    """A file was left where the content differed in a null alone, and the steps read the old one."""
    for content in (first, second, first):
        path = Path(reading.keep(content, tmp_path).removeprefix("--configfile "))
        assert json.dumps(reading.read_file(path)) == json.dumps(content)
    assert len([*tmp_path.iterdir()]) == 2
    assert reading.keep({}, tmp_path) == ""
