"""While one item is used the next is made."""

import threading

import pytest

from dmd.testing.ahead import ahead


def test_the_next_item_is_made_while_one_is_used_and_no_more():
    made, second = [], threading.Event()

    def items():
        for number in range(4):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    found = ahead(items())
    assert next(found) == 0
    assert second.wait(timeout=10)
    assert made == [0, 1]
    assert list(found) == [1, 2, 3]


def test_what_fails_is_raised_after_what_was_made_before():
    def items():
        yield "whole"
        raise ValueError("torn")

    found = ahead(items())
    assert next(found) == "whole"
    with pytest.raises(ValueError, match="torn"):
        next(found)
