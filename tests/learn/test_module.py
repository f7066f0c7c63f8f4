"""cmrpipe.learn.module."""

from __future__ import annotations

import pytest
import torch

from cmrpipe.learn.module import one_cycle


@pytest.mark.parametrize("steps", range(1, 41))
def test_the_learning_rate_rises_and_falls_over_any_number_of_steps(steps: int) -> None:
    """Ten steps, too, of which the rise would be the first alone; none is above the highest, the last is the lowest."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = one_cycle(optimizer, 0.5, steps)
    rates = [schedule.get_last_lr()[0]]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    top = rates.index(max(rates))
    assert max(rates) <= 0.5
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if steps > 2:
        assert rates[-1] < 0.01
        assert max(rates) > 0.2
