"""Make the next item while the last one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items in their order, each made by a thread while whoever asks works on the one before.

    At most two are held. What fails in the thread is raised here, after the items before it.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    made = iter(items)

    def following() -> list[T]:
        return list(islice(made, 1))

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        upcoming = thread.submit(following)
        while item := upcoming.result():
            upcoming = thread.submit(following)
            yield from item
