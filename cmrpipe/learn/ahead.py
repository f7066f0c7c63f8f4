"""Reading ahead: the next batch is made while the network learns from this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import DataLoader


class AheadLoader(DataLoader[Any]):
    """PyTorch's loader, one batch ahead, in a thread: the same batches in the same order.

    A thread needs neither a second copy of the samples nor a fork beside a server's threads, as a worker process does,
    and most of its work leaves Python to others. What fails in the thread is raised where its batch would have come:
    MONAI's ThreadDataLoader would end the epoch there without a word.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator will do; PyTorch asks for its own type
        batches = super().__iter__()
        with ThreadPoolExecutor(1, "read-ahead") as thread:
            coming = thread.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = thread.submit(next, batches, None)
                yield batch
