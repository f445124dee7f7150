"""config/README.md names every key that the configuration knows."""

import re

from dmd.planning import config


def test_every_key_stands_in_a_table(root):
    named = set(re.findall(r"`(\w+)`", (root / "config/README.md").read_text(encoding="utf-8")))
    named |= set(re.findall(r"`(\w+):", (root / "config/README.md").read_text(encoding="utf-8")))
    schema = config.Config.model_json_schema()
    keys = {key for model in [schema, *schema["$defs"].values()] for key in model.get("properties", {})}
    assert keys - named == set()


def test_every_file_stands_in_the_first_table(root):
    table = (root / "config/README.md").read_text(encoding="utf-8").partition("## ")[0]
    files = {path.name + "/" * path.is_dir() for path in (root / "config").iterdir()}
    assert {name for name in files if f"`{name}`" not in table} == {"README.md"}
