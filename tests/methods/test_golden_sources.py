"""The golden numbers say where they come from, and tests/golden/README.md how to make them again."""

import pytest
from golden import compare
from golden.make import public

README = (compare.FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(path.stem for path in compare.FOLDER.glob("*.json")))
def test_every_file_has_a_script_and_sources_that_the_readme_names(name):
    assert f"| `python -m golden.make.{name} CHECKOUTS` |" in README
    assert (compare.FOLDER / "make" / f"{name}.py").exists()
    known = {f"{repository}@{commit}" for repository, commit in public.REPOSITORIES.values()}
    for case in compare.read(name):
        assert case["sources"]
        assert set(case["sources"]) <= known


def test_the_readme_names_every_repository_and_commit():
    for folder, (repository, commit) in public.REPOSITORIES.items():
        assert f"| `{repository}` | `{commit}` |" in README
        assert repository.partition("/")[2] == folder
