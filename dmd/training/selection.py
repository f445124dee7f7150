"""Which weights of a training are tested: the last ones, or the best on the validation or even the test patients."""

from typing import Any

import torch
from torch import Tensor, nn

from dmd.data.store import Case, Store
from dmd.methods.base import Method
from dmd.testing.inference import predict_case
from dmd.testing.metrics import mean_dice

PART = {"validation": "validation", "oracle": "test"}  # of the split, that a selection chooses on


class Selection:
    """Looks at the chosen cases now and then and keeps the best weights; with ``selection: last`` it keeps none.

    Parameters
    ----------
    training : dict
        Settings of the run; ``selection``, ``validate_every``, ``oracle_every``, ``validation_stride``, ``iterations``
        and what `predict_case` reads.
    store : Store
        Holds the cases of "train" and of the `parts` that are looked at.
    device : torch.device
        Where to predict.
    best : dict, optional
        `best` of an earlier attempt at the run.

    Attributes
    ----------
    best : dict or None
        ``step``, ``dice`` and ``weights`` of the best look so far; the earlier one of equals.
    """

    def __init__(
        self, training: dict[str, Any], store: Store, device: torch.device, best: dict[str, Any] | None = None
    ) -> None:
        self.training, self.device, self.best = training, device, best
        self.name = f"{training['selection']}_dice"
        self.looks = looks(training)
        self.cases = {part: store.cases(part) for part in parts(training)}

    def look(self, method: Method, step: int) -> dict[str, float]:
        """Return what to write into the history after ``step`` steps: ``<selection>_dice`` and ``oracle_dice``, if due.

        They are due every so many steps and after the last one.
        """
        due = {name: part for name, (part, every) in self.looks.items() if self._due(step, every)}
        if not due:
            return {}
        seen = {
            name: _mean_dice(method.predictor, self.cases[part], self.training, self.device)
            for name, part in due.items()
        }
        if self.name in seen and (self.best is None or seen[self.name] > self.best["dice"]):
            self.best = {"step": step, "dice": seen[self.name], "weights": _weights(method.predictor)}
        method.train()  # the predictor, a part of the method, was put into evaluation mode
        return seen

    def weights(self, method: Method) -> dict[str, Tensor]:
        """Return the weights of the predictor to test."""
        if self.best is None:
            return _weights(method.predictor)
        # A resumed attempt has read its state onto the device.
        return {name: tensor.cpu() for name, tensor in self.best["weights"].items()}

    def facts(self) -> dict[str, Any]:
        """Return which step the weights are of, and the Dice that they were chosen by."""
        if self.best is None:
            return {"selected_step": self.training["iterations"]}
        return {"selected_step": self.best["step"], self.name: self.best["dice"]}

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self.training["iterations"]


def looks(training: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """Return what part of the split is looked at, and every how many steps, by the name of its Dice in the history.

    ``oracle_every`` has the test patients looked at where the looks decide nothing: what choosing on them would add.
    """
    found = {}
    if (selection := training["selection"]) in PART:
        found[f"{selection}_dice"] = PART[selection], training["validate_every"]
    if every := training.get("oracle_every"):
        found["oracle_dice"] = "test", every
    return found


def parts(training: dict[str, Any]) -> list[str]:
    """Return the parts of the split that are looked at: "test" for an oracle alone."""
    return list(dict.fromkeys(part for part, _ in looks(training).values()))


def _mean_dice(predictor: nn.Module, cases: list[Case], training: dict[str, Any], device: torch.device) -> float:
    """Return the mean over cases of the mean over foreground classes (HiLab-git/SSL4MIS:code/val_2D.py)."""
    settings = training | {"stride": training.get("validation_stride")}
    scores = [
        mean_dice(predict_case(predictor, case.image, settings, device), case.label, training["classes"])
        for case in cases
    ]
    return sum(scores) / len(scores)


def _weights(predictor: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights that later steps leave alone."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in predictor.state_dict().items()
    }
