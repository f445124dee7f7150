"""A table of numbers comes back byte for byte, or is not packed."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmd.runs.columns import pack, unpack

NUMBERS = st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False)
CELLS = NUMBERS.map(repr) | st.just("")


@given(st.lists(st.tuples(st.integers(0, 2**40).map(str), CELLS, CELLS), max_size=20))
def test_every_table_of_numbers_comes_back(rows):
    text = "\n".join(map(",".join, [("step", "loss", "a b"), *rows])).encode() + b"\n"
    packed = pack(text)
    assert packed is None or unpack(packed) == text
    if all(int(step) < 2**31 for step, *_ in rows) and rows:
        assert packed is not None


@pytest.mark.parametrize("text", [b"", b"a,b\n1,2", b"a\r\n1\r\n", b"a\n1.50\n", b"a\nx\n", b"a\nnan\n", b"\xff"])
def test_what_would_come_back_otherwise_is_not_packed(text):
    assert pack(text) is None


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"[]\n",
        b'{"names": ["a"], "kinds": ["|O8"], "rows": 1}\n12345678',
        b'{"names": ["a"], "kinds": ["<f8"], "rows": 99999999999}\n12345678',
        b'{"names": ["a"], "kinds": ["<f8"], "rows": -1}\n',
        b'{"names": ["a"], "kinds": ["<f8"], "rows": Infinity}\n',
        b'{"names": 3, "kinds": ["<f8"], "rows": "1"}\n12345678',
        b'{"names": 3, "kinds": ["<f8"], "rows": 1}\n12345678',
    ],
)
def test_a_head_that_is_none_is_refused(packed):
    with pytest.raises(ValueError, match=r"."):
        unpack(packed)


def test_numbers_that_were_float32_take_their_four_bytes():
    text = "a\n" + "\n".join(repr(float.fromhex("0x1.23456p-3") * 2**-place) for place in range(500)) + "\n"
    head = pack(text.encode()).partition(b"\n")[0]
    assert len(pack(text.encode())) > len(head)
    assert b'"<f4"' in pack(b"a\n0.20000000298023224\n")
    assert len(zlib.compress(pack(text.encode()))) < len(text) / 8
