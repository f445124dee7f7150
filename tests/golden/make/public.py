"""Public code as golden numbers need it: modules and lines of a checkout, executed on the CPU in float64.

A script beside this file makes one JSON file of the folder above. Nothing of the public code is here: a `Checkout` lies
in the folder that the user names, and what a script executes of it are modules, and lines by number, of one commit.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch
from golden import rule
from torch import Tensor, nn
from torch.nn import functional

FOLDER = Path(__file__).parents[1]
SEED = 1
DIGITS = 12  # significant ones that are written; the tests ask for fewer
VOLUMES = {"dimensions": 3, "shape": [4, 1, 32, 16, 16], "labelled": 2, "classes": 2}
SLICES = {"dimensions": 2, "shape": [4, 1, 64, 64], "labelled": 2, "classes": 4}

# The name of the folder: owner and name, commit.
REPOSITORIES = {
    "DTC": ("HiLab-git/DTC", "2525b9ccba84d7872fe22328b8b3298e7eafdc12"),
    "Dual-Mutual-Distillation": ("SilenceMonk/Dual-Mutual-Distillation", "a5609d22e470594908f2ec1166198ecdc8cdecf1"),
    "LG-ER-MT": ("fengweie/LG-ER-MT", "aa553bf138b81310dd854b8d2788895f35ce1221"),
    "MC-Net": ("ycwu1997/MC-Net", "fee453ca299a5d2c845cc2f3de4e416fd667d9c2"),
    "SASSnet": ("kleinzcy/SASSnet", "1761aa8af08f42e5a36a737c88beb4dc798af35c"),
    "SS-Net": ("ycwu1997/SS-Net", "c0a8bf6e535ad1166ff8f3f871dc5cb9273e4573"),
    "SSL4MIS": ("HiLab-git/SSL4MIS", "06df6047a59aba9988ced8331998b5957ecb356b"),
    "UA-MT": ("yulequan/UA-MT", "88ed29ad794f877122e542a7fa9505a76fa83515"),
}

Case = dict[str, Any]
Names = dict[str, Any]


class Checkout:
    """One of `REPOSITORIES` in the folder that holds them; modules are imported from the folder ``root`` in it."""

    def __init__(self, folder: Path, name: str, root: str = "code") -> None:
        self.path, self.root = folder / name, root
        repository, commit = REPOSITORIES[name]
        self.name, self.used = f"{repository}@{commit}", []
        same = ["git", "-C", str(self.path), "diff", "--quiet", commit, "--", "*.py"]
        if subprocess.run(same, check=False).returncode:
            sys.exit(f"{self.path}: expected a checkout of {repository} whose Python files are those of {commit}")

    def module(self, name: str) -> ModuleType:
        """Import a module, whatever other checkouts have called so."""
        for known in [known for known in sys.modules if known.partition(".")[0] in ("networks", "utils")]:
            del sys.modules[known]
        with mock.patch.object(sys, "path", [str(self.path / self.root), *sys.path]):
            module = importlib.import_module(name)
        self.used.append(str(Path(module.__file__).relative_to(self.path)))
        return module

    def run(self, file: str, first: int, last: int, names: Names, changed: dict[str, str] | None = None) -> Names:
        """Execute the lines ``first`` to ``last`` among ``names``, which are returned with what the lines assign.

        Every key of ``changed`` in the lines is first replaced by its value.
        """
        lines = (self.path / file).read_text().splitlines()[first - 1 : last]
        # An indented block needs a head; the empty lines keep the line numbers of a traceback.
        head = "if True:" if lines[0][0].isspace() else ""
        source = "\n".join([*[""] * (first - 2), head, *lines])
        for before, after in (changed or {}).items():
            source = source.replace(before, after)
        exec(compile(source, str(self.path / file), "exec"), names)
        self.used.append(f"{file}:{first}-{last}")
        return names

    def arguments(self, file: str, first: int, last: int, *given: str) -> Any:
        """Return the ``args`` that the lines ``first`` to ``last`` read from a command line."""
        with mock.patch.object(sys, "argv", [file, *given]):
            return self.run(file, first, last, {"argparse": argparse})["args"]

    def sources(self) -> dict[str, list[str]]:
        """Return what has been executed since this was last asked."""
        used, self.used = self.used, []
        return {self.name: list(dict.fromkeys(used))}


def names(case: Case, **more: Any) -> Names:
    """Return what the training scripts of this literature call by the same names, and ``more``."""
    shape, labelled, classes = tuple(case["shape"]), case["labelled"], case["classes"]
    return {
        "torch": torch,
        "nn": nn,
        "F": functional,
        "np": np,
        "optim": torch.optim,
        "volume_batch": rule.images(SEED, shape),
        "label_batch": rule.labels(SEED, (labelled, *shape[2:]), classes),
        "labeled_bs": labelled,
        "num_classes": classes,
        "iter_num": case["iteration"],
    } | more


def in_float32(distances: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Return a function whose result is rounded to float32, as the released scripts round the distance maps."""
    return lambda *given: distances(*given).astype(np.float32)


def parameters(*networks: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(weight.numel() for network in networks for weight in network.parameters() if weight.requires_grad)


def summaries(**outputs: Tensor) -> dict[str, Any]:
    """Return the summary of every output."""
    return {name: rule.summary(output) for name, output in outputs.items()}


def numbers(**terms: Tensor) -> dict[str, float]:
    """Return every term as a number."""
    return {name: term.item() for name, term in terms.items()}


def norms(**networks: nn.Module) -> dict[str, float]:
    """Return the norm of the gradient of every network."""
    return {name: rule.gradient_norm(network) for name, network in networks.items()}


def make(name: str, *cases: Callable[[Path], Case]) -> None:
    """Write tests/golden/<name>.json: what every case gives of the checkouts in the folder on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(f"usage: python -m golden.make.{name} CHECKOUTS, the folder that holds the public repositories")
    torch.set_num_threads(1)
    with (
        rule.in_float64(),
        mock.patch.object(Tensor, "cuda", lambda tensor: tensor),
        mock.patch.object(nn.Module, "cuda", lambda module: module),
    ):
        # Weights that no golden number depends on are drawn from torch's generator.
        torch.manual_seed(SEED)
        facts = {"seed": SEED, "cases": [case(Path(sys.argv[1])) for case in cases]}
    (FOLDER / f"{name}.json").write_text(json.dumps(_rounded(facts), indent=1) + "\n")


def _rounded(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {key: _rounded(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [_rounded(value) for value in entry]
    return float(f"{entry:.{DIGITS}g}") if isinstance(entry, float) else entry
