"""A CSV table of numbers in few bytes, and the same text again: a history is most of what a run without weights has."""

import csv
import io
import json

import numpy as np

KINDS = ("<i4", "<f4", "<f8")  # the first whose numbers have the very text


def pack(text: bytes) -> bytes | None:
    """Return a table as a line of JSON and its columns, or ``None`` where the text would not come back byte for byte.

    The bytes of a column are ordered by their place in a number: those that hardly change then stand together, for
    whoever compresses them. An empty cell is NaN.
    """
    try:
        names, *rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
        columns = [_column(texts) for texts in zip(*rows, strict=True)]
        head = {"names": names, "kinds": [column.dtype.str for column in columns], "rows": len(rows)}
        packed = json.dumps(head).encode() + b"\n" + b"".join(map(_planes, columns))
        return packed if unpack(packed) == text else None
    except (ValueError, OverflowError):  # no table of numbers
        return None


def unpack(packed: bytes) -> bytes:
    """Return the text of a packed table.

    Raises
    ------
    ValueError
        It is none.
    """
    line, _, content = packed.partition(b"\n")
    head = json.loads(line)
    try:
        names, rows, kinds = list(head["names"]), int(head["rows"]), [np.dtype(_known(kind)) for kind in head["kinds"]]
        if sum(kind.itemsize for kind in kinds) * rows != len(content):
            raise ValueError("expected as many bytes as the head says")
    except (LookupError, TypeError, OverflowError) as error:
        raise ValueError(f"expected the head of a packed table: {error!r}") from None
    columns, start = [], 0
    for kind in kinds:
        planes = np.frombuffer(content, np.uint8, kind.itemsize * rows, start).reshape(kind.itemsize, rows)
        columns.append(_texts(np.ascontiguousarray(planes.T).view(kind).ravel()))
        start += kind.itemsize * rows
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([names, *zip(*columns, strict=True)])
    return text.getvalue().encode()


def _known(kind: str) -> str:
    return KINDS[KINDS.index(kind)]


def _column(texts: tuple[str, ...]) -> np.ndarray:
    for kind in KINDS[:1] if all(text.isdecimal() for text in texts) else KINDS[1:]:
        with np.errstate(all="ignore"):  # a number too large for a kind has another text in it
            numbers = np.array([float(text or "nan") for text in texts]).astype(kind)
        if tuple(_texts(numbers)) == texts:
            return numbers
    raise ValueError("expected numbers as Python writes them")


def _texts(numbers: np.ndarray) -> list[str]:
    return ["" if number != number else repr(number) for number in numbers.tolist()]


def _planes(column: np.ndarray) -> bytes:
    return column.view(np.uint8).reshape(len(column), column.itemsize).T.tobytes()
