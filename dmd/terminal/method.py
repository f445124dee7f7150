"""`dmd method`: write a method of your own, and check that it keeps the contract."""

import json
import shlex
import traceback
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from cyclopts import App

from dmd.files import write_text
from dmd.planning.config import Method
from dmd.planning.config import check as checked
from dmd.planning.declarations import declaration
from dmd.planning.implementations import implemented, source_file
from dmd.planning.reading import merge, parse
from dmd.terminal.names import require_free, require_name, require_no_file
from dmd.terminal.options import PROJECT, Configuration

app = App(name="method", help="Write a method of your own, and check that it keeps the contract.", sort_key=90)
HERE = Path(__file__).parent


@app.command(help_epilogue="Example: dmd method new mine")
def new(name: str, /, *, folder: Path = Path(), configuration: Configuration = PROJECT) -> None:
    """Write NAME.py, a small method to be changed, and NAME.yaml, its stanza and a table of it beside DMD.

    Parameters
    ----------
    name : str
        Of small letters, digits, `_` and `-`.
    folder : Path
        Where the two files are put.
    """
    python, stanza = folder / f"{name}.py", folder / f"{name}.yaml"
    require_name(name)
    require_no_file(python, stanza)
    content = configuration.read()
    require_free(name, content["methods"], content["artefacts"])
    label, quoted = name.replace("_", " ").replace("-", " ").title(), shlex.quote(str(stanza))
    words = {"name": name, "label": label, "type": f"My{label.replace(' ', '')}"}
    words |= {"python": json.dumps(str(python), ensure_ascii=False), "yaml": quoted}
    texts = {path: Template(_template(path)).substitute(words) for path in (python, stanza)}
    checked(merge(content, parse(texts[stanza])))  # before anything is written
    for path, text in texts.items():
        write_text(path, text)
    print(f"{python} and {stanza} are yours. Then:\n  dmd method check {name} --configfile {quoted}")


@app.command(help_epilogue="Example: dmd method check mine --configfile mine.yaml")
def check(name: str, /, *, configuration: Configuration = PROJECT) -> None:
    """Try a method on tiny made-up scans, which takes seconds; status 1 if it breaks the contract.

    Parameters
    ----------
    name : str
        Of its stanza.
    """
    from dmd.methods import contract

    config = configuration.check()
    stanza, implementation = implemented(config.methods, name, "dmd method check")
    dimensions, broken = declaration(implementation).dimensions, 0
    file = source_file(implementation)
    for count in (2, 3):
        print(f"{file}, {count}-D images")
        params = _params([config.methods[of] for of in dict.fromkeys([stanza, name])], count)
        if count in dimensions:
            trial = contract.Trial.of(implementation, params, count)
            broken += sum(_say(file, keeps, trial) for keeps in contract.CHECKS)
        else:
            broken += _say(file, contract.other_dimensions_are_refused, implementation, params, count)
    if broken:
        raise SystemExit(1)


def _template(path: Path) -> str:
    return (HERE / f"new_method{path.suffix}.txt").read_text(encoding="utf-8")


def _params(stanzas: list[Method], dimensions: int) -> dict[str, Any]:
    """Return the hyper-parameters that stanzas, the later over the earlier, give to images of so many dimensions."""
    layers = [layer for of in stanzas for layer in (of.params, of.adapted.get({2: "acdc", 3: "la"}[dimensions], {}))]
    return {key: value for layer in layers for key, value in layer.items()}


def _say(file: Path, check: Callable[..., None], *arguments: Any) -> bool:
    """Print whether a check is kept, else where in the file of the method it fails; return whether it is broken."""
    from dmd.methods.contract import BrokenError

    name = check.__name__.replace("_", " ")
    try:
        check(*arguments)
    except BrokenError as error:
        said = str(error)
    except Exception as error:  # whatever the method did not expect
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == file.absolute()
        ]
        said = f"{type(error).__name__}: {error}" + (f" (line {lines[-1]})" if lines else "")
    else:
        print(f"  kept    {name}")
        return False
    print(f"  BROKEN  {name}: {said}")
    return True
