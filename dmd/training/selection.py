"""Which weights of a training are tested: the last ones, or the best on the validation or even the test patients."""

from typing import Any

import torch
from torch import Tensor, nn

from dmd.data.store import Case, Store
from dmd.methods.base import Method
from dmd.testing.inference import predict_case
from dmd.testing.metrics import mean_dice


class Selection:
    """Looks at the chosen cases now and then and keeps the best weights; with ``selection: last`` does neither.

    Parameters
    ----------
    training : dict
        Settings of the run; ``selection``, ``validate_every``, ``validation_stride``, ``iterations`` and what
        `predict_case` reads.
    store : Store
        Holds the cases of "train" and of the `parts` of the selection.
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
        self.cases = [case for part in parts(training) for case in store.cases(part)]

    def look(self, method: Method, step: int) -> dict[str, float]:
        """Return what to write into the history after ``step`` steps: ``<selection>_dice`` where one is due.

        That is every ``validate_every`` steps and after the last one.
        """
        if not self.cases or not self._due(step):
            return {}
        dice = _mean_dice(method.predictor, self.cases, self.training, self.device)
        if self.best is None or dice > self.best["dice"]:
            self.best = {"step": step, "dice": dice, "weights": _weights(method.predictor)}
        method.train()  # the predictor, a part of the method, was put into evaluation mode
        return {self.name: dice}

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

    def _due(self, step: int) -> bool:
        return step % self.training["validate_every"] == 0 or step == self.training["iterations"]


def parts(training: dict[str, Any]) -> list[str]:
    """Return the parts of the split that the selection looks at: "test" for ``oracle`` alone."""
    return {"last": [], "validation": ["validation"], "oracle": ["test"]}[training["selection"]]


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
