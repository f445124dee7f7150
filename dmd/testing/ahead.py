"""Make the next item while the last one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield items in their order, each made by a thread while whoever asks works on the one before.

    At most two are held. What fails in the thread is raised here, after the items before it.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    made = iter(items)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        upcoming = thread.submit(next, made, END)
        while (item := upcoming.result()) is not END:
            upcoming = thread.submit(next, made, END)
            yield item  # type: ignore[misc]  # whatever is not END is one of the items
