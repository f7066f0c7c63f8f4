"""cmrpipe.learn.looks."""

import math

import numpy as np
import pytest
import torch

from cmrpipe.learn.looks import LOOKS, PLAIN, Look, agreement, shown


def disc(row: float, col: float, radius: float, size: int = 64) -> torch.Tensor:
    """(1, 1, size, size) mask of a disc."""
    r, c = np.mgrid[:size, :size]
    return torch.from_numpy((np.hypot(r - row, c - col) < radius).astype(np.float32))[None, None]


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_brought_back_lies_where_it_was(look: Look) -> None:
    """A disc beside the middle comes back to its place and size."""
    there = disc(25, 38, 9)
    back = shown(shown(there, look), look.back())[0, 0] > 0.5
    expected = there[0, 0] > 0.5
    assert 2 * float((back & expected).sum()) / float(back.sum() + expected.sum()) > 0.95


def test_a_look_turns_and_enlarges_about_the_middle() -> None:
    """By its angle and its factor."""
    found = np.argwhere(shown(disc(31.5, 41.5, 4), Look(30, 1.5))[0, 0].numpy() > 0.5)
    row, col = found.mean(axis=0) - 31.5
    assert math.hypot(row, col) == pytest.approx(15, abs=0.3)
    assert abs(math.degrees(math.atan2(row, col))) == pytest.approx(30, abs=1)
    assert len(found) == pytest.approx(math.pi * 6**2, rel=0.06)


def test_the_first_look_is_the_image_itself() -> None:
    """Not a bit is changed, and no look comes twice."""
    image = torch.rand(2, 1, 16, 16)
    assert LOOKS[0] == PLAIN
    assert shown(image, PLAIN) is image
    assert len(set(LOOKS)) == len(LOOKS)


def test_agreement_is_one_for_equal_answers_and_falls_with_their_distance() -> None:
    """Mean of cavity and heart over pairs."""
    answers = [
        torch.cat([1 - disc(32, 32 + d, 16), disc(32, 32 + d, 8), torch.zeros(1, 1, 64, 64)], 1) for d in (0, 2, 6)
    ]
    same, near, far = (float(agreement([answers[0], answers[k]])) for k in range(3))
    assert same == 1
    assert 1 > near > far
