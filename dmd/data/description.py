"""What a store is to be made of: facts of a data set, its split, the identity that it will carry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dmd.data.sources.readers import Reader, find_reader
from dmd.errors import InputError
from dmd.planning.config import Dataset
from dmd.planning.preparation import READER
from dmd.planning.splits import Split, load_split


@dataclass(frozen=True)
class Description:
    """A store as the plan wants it.

    Attributes
    ----------
    dataset : Dataset
        Facts of the data set.
    split : Split
        The split that ``dataset.split`` names.
    identity : dict
        What the store says that it is made of; ``downsample`` holds a whole factor per axis.
    """

    dataset: Dataset
    split: Split
    identity: dict[str, Any]

    @property
    def downsample(self) -> list[int]:
        """Whole factor per axis."""
        return self.identity["downsample"]

    @property
    def reader(self) -> Reader:
        """What reads its cases: the module that the data set names, or the files of a folder that the split lists."""
        if self.dataset.reader != READER:
            return find_reader(self.dataset.reader)
        from dmd.data.sources.folder import Folder  # with SimpleITK, which takes its time

        return cast(Reader, Folder(self.dataset, self.split))

    @property
    def patients(self) -> list[str]:
        """All patients, part by part."""
        return [patient for part in self.split.parts.values() for patient in part]


def read_description(content: dict[str, Any]) -> Description:
    """Read ``{"dataset": a stanza of datasets.yaml, "identity": {"downsample": ..., "split": ..., ...}}``.

    Raises
    ------
    InputError
        A key is missing, or the split file is no longer the one that the identity names.
    """
    missing = [key for key in ("dataset", "identity") if key not in content]
    if missing:
        raise InputError(f"expected the description of a store, found no {' and no '.join(missing)} in it")
    # Canonical JSON leaves out what is null; an unknown spacing is the only null that must be said.
    dataset = Dataset.model_validate({"spacing_mm": None} | content["dataset"])
    split = load_split(Path(dataset.split))
    if split.sha256 != content["identity"]["split"]:
        raise InputError(
            f"expected {dataset.split} with the planned sha256 {content['identity']['split']}, found "
            f"{split.sha256}; the split was edited since, plan again"
        )
    return Description(dataset, split, content["identity"])
