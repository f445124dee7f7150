"""`dmd data`: look at a folder of scans of your own, and write the stanza that makes a data set of it."""

import json
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from dmd.errors import InputError
from dmd.files import write_json, write_text
from dmd.planning.config import check as checked
from dmd.planning.identity import artefact_name
from dmd.planning.plan import Plan, make
from dmd.planning.proposal import Choice, Wish, choose, faults, require_wish, split_of
from dmd.planning.reading import merge, parse
from dmd.terminal.findings import say_choice, say_found
from dmd.terminal.names import require_free, require_name, require_no_file
from dmd.terminal.options import PROJECT, Configuration

if TYPE_CHECKING:
    from dmd.data.survey import Survey

app = App(name="data", help="Make a data set of a folder of scans of your own.", sort_key=89)
TEMPLATE = Path(__file__).with_name("new_data_set.yaml.txt")
UNNAMED = "yours"  # until it has a name

WISH = Wish()
Wished = Annotated[Wish, Parameter(name="*")]


@dataclass(frozen=True)
class Proposed:
    """A folder that nothing is wrong with, and what would be used."""

    found: "Survey"
    choice: Choice
    split: dict[str, Any]


@app.command(help_epilogue="Example: dmd data check /data/Dataset042_Liver")
def check(folder: Path, /, *, wish: Wished = WISH, configuration: Configuration = PROJECT) -> None:
    """Read every scan of a folder; say what it holds, what would be used, and all that is wrong (then status 2).

    Parameters
    ----------
    folder : Path
        imagesTr, labelsTr, imagesTs, labelsTs and dataset.json as nnU-Net has them, or images and labels. A scan
        without a label is learnt from as it is, and never tested on.
    """
    look(folder, UNNAMED, wish, configuration)


@app.command(help_epilogue="Example: dmd data init /data/Dataset042_Liver --name liver")
def init(
    folder: Path, /, *, name: str, into: Path = Path(), wish: Wished = WISH, configuration: Configuration = PROJECT
) -> None:
    """Check a folder, and write NAME.yaml, its stanza, and NAME.split.json, who is labelled, tested on and learnt from.

    Parameters
    ----------
    name : str
        Of small letters, digits, `_` and `-`.
    into : Path
        Where the two files are put.
    """
    stanza, split = into / f"{name}.yaml", into / f"{name}.split.json"
    require_name(name)
    require_no_file(stanza, split)
    proposed = look(folder, name, wish, configuration)
    write_json(split, proposed.split)
    write_text(stanza, stanza_of(folder, name, proposed, wish, stanza, split))
    artefact, quoted = artefact_name(name, wish.scale), shlex.quote(str(stanza))
    print(
        f"\n{stanza} and {split} are yours. Then:\n  dmd plan --configfile {quoted} {artefact}\n"
        f"  snakemake --cores 2 --configfile {quoted} -- results/{artefact}.csv"
    )


def look(folder: Path, name: str, wish: Wish, configuration: Configuration) -> Proposed:
    """Read a folder and print what it holds and what would be used.

    Raises
    ------
    InputError
        Lists everything that is wrong.
    """
    from dmd.data.intensity import rule
    from dmd.data.survey import survey

    require_wish(wish)
    content = configuration.read()
    config = checked(content)
    require_free(name, config.datasets, config.protocols, config.artefacts)
    found = survey(folder, wish.dimensions, rule(wish.intensities, wish.window))
    say_found(folder, found)
    if not any(scan.is_annotated for scan in found.train):
        raise _faulty(folder, found.faults)
    choice = choose(config, found.train, found.test, wish)
    wrong = [*found.faults, *faults(choice, found.train, found.classes)]
    if wrong:
        say_choice(choice)
        raise _faulty(folder, wrong)
    source = f"dmd data init {folder.absolute().name} --seed {wish.seed}"
    split = split_of(name, source, choice.parts, [*found.train, *found.test])
    proposed = Proposed(found, choice, split)
    plan = _planned(content, folder, name, proposed, wish)
    rows = plan.artefacts[artefact_name(name, wish.scale)].rows
    say_choice(choice, {row.label: plan.runs[row.runs[0]].spec for row in rows})
    return proposed


def stanza_of(folder: Path, name: str, proposed: Proposed, wish: Wish, stanza: Path, split: Path) -> str:
    """Return the lines to lay over the configuration; ``stanza`` and ``split`` are where the two files will lie."""
    choice, classes = proposed.choice, proposed.found.classes
    slices = choice.stride is None
    words = {
        "name": name,
        "yaml": shlex.quote(str(stanza)),
        "artefact": artefact_name(name, wish.scale),
        "folder": _said(str(folder.absolute())),
        "dimensions": wish.dimensions,
        "split": _said(str(split)),
        "rule": wish.intensities + (f", window: {_said(wish.window)}" if wish.window else ""),
        "classes": _said([*classes]),
        "labels": _said([*classes.values()]),
        "spacing": _said(choice.spacing_mm),
        "scale": wish.scale,
        "protocol": choice.protocol + (f", selection: {choice.selection}" if choice.selection else ""),
        "patch": _said(choice.patch) + ("" if slices else f", stride: {_said(choice.stride)}"),
        "iterations": choice.iterations,
        "caption": _said(f"{name}: {choice.labelled} scans labelled."),
        "labelled": choice.labelled,
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(words)


def _planned(content: dict[str, Any], folder: Path, name: str, proposed: Proposed, wish: Wish) -> Plan:
    """Plan what would be written, before anything is."""
    with tempfile.TemporaryDirectory() as aside:
        split = Path(aside) / "split.json"
        write_json(split, proposed.split)
        text = stanza_of(folder, name, proposed, wish, split, split)
        return make(checked(merge(content, parse(text))))


def _faulty(folder: Path, wrong: list[str]) -> InputError:
    said = "\n".join(f"  {fault}" for fault in wrong)
    return InputError(f"{folder} has {len(wrong)} fault(s), and nothing is written:\n{said}")


def _said(value: Any) -> str:
    """Return a value on one line of YAML, of which JSON is a part."""
    return json.dumps(value, ensure_ascii=False)
