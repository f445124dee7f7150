"""What a run is called: canonical JSON, the hash of what decides its weights, and the names made from it."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dmd.planning.implementations import short_name

# Raised when the loop, the batches or the augmentation change what is trained on; methods and data sets have revisions
# of their own (config/methods.yaml, config/datasets.yaml).
CODE = 1
DIGITS = 10  # of a hash in a name: with 10,000 runs two share one with a probability of 5e-5, and planning refuses them
RUN = rf"[a-z0-9_-]+-\d+-[a-z0-9_-]+-[0-9a-f]{{{DIGITS}}}"  # as a regular expression
STORE = r"[a-z0-9_-]+-\d+(x\d+)*"
NAME = r"[a-z0-9_-]+"  # of an artefact, a data set, a method or a scale
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Spec:
    """The settings of a run: ``training`` decides its weights and so its name, ``testing`` how they are tested."""

    training: dict[str, Any]
    testing: dict[str, Any]

    @property
    def id(self) -> str:
        """Name of the run."""
        return run_id(self.training)

    @property
    def inference(self) -> dict[str, Any]:
        """What `dmd.testing.inference.predict_case` reads."""
        names = ("dimensions", "patch", "precision", "channels_last")
        return {name: self.training[name] for name in names if name in self.training} | self.testing


def run_id(training: dict[str, Any]) -> str:
    """Name a run: ``la-8-dmd-08a3938455`` is data set, budget, implementation and hash of all training settings.

    >>> run_id({"dataset": {"name": "la"}, "labelled": 8, "method": {"implementation": "dmd"}, "seed": 1})
    'la-8-dmd-72bbb668bf'
    """
    method = short_name(training["method"]["implementation"])
    return f"{training['dataset']['name']}-{training['labelled']}-{method}-{digest(training)}"


def digest(content: Any) -> str:
    """Return a short hash of anything that is JSON: another one for another content; null in a mapping is no content.

    >>> digest({"seed": 1, "draw": None}) == digest({"seed": 1.0}) != digest({"seed": 1, "draw": [None]})
    True
    """
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:DIGITS]


def any_of(names: Iterable[str]) -> str:
    r"""Return a regular expression for any of the names, for none where there are none.

    >>> print(any_of(["a.b", "c"]), any_of([]))
    a\.b|c (?!)
    """
    return "|".join(map(re.escape, names)) or "(?!)"


def store_name(identity: dict[str, Any]) -> str:
    """Return the name of the store that has an identity, which stands in the ``dataset`` of every run.

    >>> store_name({"name": "la", "downsample": [2, 2, 2]})
    'la-2x2x2'
    """
    return f"{identity['name']}-{'x'.join(str(factor) for factor in identity['downsample'])}"


def artefact_name(name: str, scale: str) -> str:
    """Return the path of an artefact under results/ without its ending: the paper's scale has no folder."""
    return name if scale == "paper" else f"{scale}/{name}"


def scale_of(artefact: str) -> str:
    """Return the scale that stands in the path of an artefact.

    >>> scale_of("half/table3"), scale_of("table3")
    ('half', 'paper')
    """
    return artefact.split("/")[0] if "/" in artefact else "paper"


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Say key by key where two identities differ.

    >>> differences({"name": "la", "revision": 1}, {"name": "la"})
    ['revision: expected 1, found (absent)']
    """
    values = {key: [of.get(key, "(absent)") for of in (expected, found)] for key in sorted({*expected, *found})}
    return [f"{key}: expected {first}, found {second}" for key, (first, second) in values.items() if first != second]


def canonical(value: Any) -> str:
    """Return JSON with one spelling per value: sorted keys, 2.0 written as 2, keys that are ``None`` left out."""
    return CANONICAL.encode(plain(value))


def plain(value: Any) -> Any:
    """Return a value as canonical JSON has it: lists for tuples, whole numbers as such, nothing that is ``None``."""
    if isinstance(value, (str, int)):  # as most are; a tuple of types is asked faster than their union
        return value
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
