"""Reading ahead: the same batches, one before it is asked for, and no failure swallowed."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cmrpipe.learn.ahead import AheadLoader


class Numbers(Dataset[Tensor]):
    """The numbers from 0 to 19; tells when each is read, by which thread, and fails at one of them."""

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.read = [threading.Event() for _ in range(20)]
        self.threads: set[str] = set()
        self.torch_threads: set[int] = set()

    def __len__(self) -> int:
        return len(self.read)

    def __getitem__(self, index: int) -> Tensor:
        self.read[index].set()
        self.threads.add(threading.current_thread().name)
        self.torch_threads.add(torch.get_num_threads())
        if index == self.fails_at:
            raise OSError(f"sample {index} cannot be read")
        return torch.tensor(index)


def test_the_same_batches_in_the_same_order_again_and_again() -> None:
    """Three epochs, the last batch of each being smaller; nothing is read by the thread that learns."""
    numbers = Numbers()
    loader, plain = AheadLoader(numbers, 6), DataLoader(Numbers(), 6)
    for _ in range(3):
        found, expected = list(loader), list(plain)
        assert [batch.tolist() for batch in found] == [batch.tolist() for batch in expected]
    assert len(loader) == 4
    assert threading.current_thread().name not in numbers.threads


def test_the_next_batch_is_made_before_it_is_asked_for() -> None:
    """And the one after that is not: memory holds two batches, whatever the store's size."""
    numbers = Numbers()
    batches = iter(AheadLoader(numbers, 4))
    next(batches)
    assert numbers.read[7].wait(10)
    assert not numbers.read[8].wait(0.2)
    assert next(batches).tolist() == [4, 5, 6, 7]


def test_a_failure_comes_where_its_batch_would_have_come() -> None:
    """Neither earlier, nor as the end of the epoch."""
    batches = iter(AheadLoader(Numbers(fails_at=9), 4))
    assert next(batches).tolist() == [0, 1, 2, 3]
    assert next(batches).tolist() == [4, 5, 6, 7]
    with pytest.raises(OSError, match="sample 9 cannot be read"):
        next(batches)


def test_an_epoch_that_is_left_early_leaves_no_thread() -> None:
    """As when training stops, or is interrupted."""
    before = set(threading.enumerate())
    batches = iter(AheadLoader(Numbers(), 4))
    next(batches)
    assert set(threading.enumerate()) - before
    batches.close()  # type: ignore[attr-defined]
    assert not set(threading.enumerate()) - before


def test_the_thread_computes_with_as_many_threads_as_the_training() -> None:
    """Last bits may depend on that number."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        numbers = Numbers()
        list(AheadLoader(numbers, 4))
    finally:
        torch.set_num_threads(before)
    assert numbers.torch_threads == {1}
