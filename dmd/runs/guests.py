"""The folder of a guest: scores of masks that were made elsewhere, held by checksums as those of runs are."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmd.errors import InputError
from dmd.files import checksum, read_text, write_json, write_text
from dmd.planning.guests import Guest
from dmd.runs.folder import read_json
from dmd.runs.vouching import SEAL, SUMS, seal

FOLDER = "guests"  # in results/, beside the runs


@dataclass(frozen=True)
class GuestFolder:
    """Paths in ``results/guests/<id>``; no weights, no history and no cost, as nothing is trained here.

    ``guest.json`` is written last: it has name, data and budget, the SHA-256 of every mask and of ``cases.csv``, and a
    seal over itself.
    """

    path: Path

    @property
    def id(self) -> str:
        """Name of the guest."""
        return self.path.name

    @property
    def cases(self) -> Path:
        """Metrics, in the columns of a run's."""
        return self.path / "cases.csv"

    @property
    def record(self) -> Path:
        """Whose masks they are, and what vouches for the scores."""
        return self.path / "guest.json"

    @property
    def tracked(self) -> Path:
        """Which run of MLflow mirrors it."""
        return self.path / "tracked.json"

    @property
    def tracking_lock(self) -> Path:
        """Held by the process that sends it to MLflow."""
        return self.path / ".tracking.lock"

    @property
    def is_untracked(self) -> bool:
        """Whether MLflow lacks it, as far as the files know."""
        if not (self.record.exists() and self.cases.exists()):
            return False
        found = read_json(self.tracked)
        return (found.get("status"), found.get("cases")) != ("complete", self.cases_digest())

    def cases_digest(self) -> str:
        """Return the SHA-256 of the scores."""
        return checksum(self.cases)

    def write(self, guest: Guest, classes: list[str], masks: dict[str, str], cases: str) -> None:
        """Write the scores and what vouches for them; ``masks`` are the checksums of the label maps by case."""
        self.record.unlink(missing_ok=True)  # killed before the last line, the scores are nobody's
        write_text(self.cases, cases)
        content = {"guest": self.id, **guest.settings, "classes": classes, "masks": masks}
        content |= {SUMS: {self.cases.name: checksum(self.cases)}}
        write_json(self.record, content | {SEAL: seal(content)})

    def read(self) -> dict[str, Any]:
        """Return what the record says, of scores that are there as they were written.

        Raises
        ------
        InputError
            Record or scores are missing, another's, damaged or edited.
        """
        if not self.record.exists():
            raise InputError(
                f"expected scores of masks made elsewhere at {self.record}, found none; `dmd evaluate` makes them"
            )
        try:
            content = json.loads(read_text(self.record, "the record of masks made elsewhere"))
        except json.JSONDecodeError as error:
            raise InputError(f"{self.record} is not valid JSON: {error}. {self._cure()}") from None
        if not isinstance(content, dict) or content.get("guest") != self.id or content.get(SEAL) != seal(content):
            raise InputError(f"{self.record}: expected it as `dmd evaluate` left it, found another. {self._cure()}")
        if not self.cases.exists() or checksum(self.cases) != content[SUMS][self.cases.name]:
            raise InputError(
                f"{self.cases}: expected the scores that {self.record.name} vouches for, found none or others. "
                + self._cure()
            )
        return content

    def _cure(self) -> str:
        return f"Delete the folder {self.path} and measure the masks again with `dmd evaluate`"
