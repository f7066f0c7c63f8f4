"""The loss that is blind to what was not drawn."""

import pytest
import torch
from torch.nn import functional

from cmrpipe.learn.loss import marginal_log_probabilities, masked_loss

BOTH, ENDO, EPI = (True, True), (True, False), (False, True)


def logits_of(seed: int = 0) -> torch.Tensor:
    """(2, 3, 6, 5) random logits."""
    return torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def known(*drawn: tuple[bool, bool]) -> torch.Tensor:
    """(n, 2) bool."""
    return torch.tensor(drawn)


TARGET = torch.randint(0, 3, (2, 6, 5), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


@pytest.mark.parametrize(("drawn", "pair", "alone"), [(ENDO, (0, 2), 1), (EPI, (1, 2), 0)])
def test_no_gradient_tells_apart_what_the_label_does_not(
    drawn: tuple[bool, bool], pair: tuple[int, int], alone: int
) -> None:
    """Moving probability between the two classes that cannot be told apart leaves the loss as it is, exactly there."""
    chosen = torch.rand(2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 0.8 + 0.1
    share = torch.full_like(chosen, 0.3).requires_grad_()
    chosen.requires_grad_()
    layers: dict[int, torch.Tensor] = {
        alone: chosen,
        pair[0]: (1 - chosen) * share,
        pair[1]: (1 - chosen) * (1 - share),
    }
    logits = torch.stack([layers[k] for k in range(3)], dim=1).log()
    target = torch.where(TARGET.eq(alone), alone, 0 if drawn == ENDO else 2)
    masked_loss(logits, target, known(drawn, drawn)).backward()
    assert share.grad is not None
    assert chosen.grad is not None
    assert share.grad.abs().max() < 1e-12
    assert chosen.grad.abs().max() > 1e-3


def test_the_known_sample_alone_teaches_myocardium() -> None:
    """In a batch of both kinds, the sample with both borders tells myocardium from background, the other does not."""
    share = torch.full((2, 6, 5), 0.5, dtype=torch.float64, requires_grad=True)
    logits = torch.stack([share / 2, torch.full_like(share, 0.5), (1 - share) / 2], dim=1).log()
    target = TARGET.clone()
    target[1] *= target[1] == 1
    masked_loss(logits, target, known(BOTH, ENDO)).backward()
    assert share.grad is not None
    assert share.grad[0].abs().max() > 1e-4
    assert share.grad[1].abs().max() < 1e-12


def test_probabilities_add_up() -> None:
    """Cavity and the rest are all there is where only the endocardium is known; nothing is merged where both are."""
    probability = marginal_log_probabilities(logits_of(), known(BOTH, ENDO)).exp()
    plain = logits_of().softmax(dim=1)
    assert torch.allclose(probability[0], plain[0])
    assert torch.allclose(probability[1, 0], plain[1, 0] + plain[1, 2])
    assert torch.allclose(probability[1, 0] + probability[1, 1], torch.ones(6, 5, dtype=torch.float64))


def test_it_is_plain_cross_entropy_and_dice_where_all_is_known() -> None:
    """Against a direct formula."""
    logits = logits_of()
    probability = logits.softmax(dim=1)
    terms = [functional.cross_entropy(logits, TARGET.long())]
    for k in (1, 2):
        expert = TARGET.eq(k).double()
        for p, e in zip(probability[:, k], expert, strict=True):
            terms.append((1 - (2 * (p * e).sum() + 1) / (p.sum() + e.sum() + 1)) / len(expert))
    assert torch.allclose(masked_loss(logits, TARGET, known(BOTH, BOTH)), torch.stack(terms).sum() / 3)


def test_small_cavities_count_as_much_as_large_ones() -> None:
    """Missing one of nine pixels costs the same Dice beside a large cavity as beside another small one."""
    small, large = torch.zeros(32, 32), torch.zeros(32, 32)
    small[4:7, 4:7] = 1
    large[2:30, 2:30] = 1
    missed = small.clone()
    missed[4, 4] = 0
    drawn, costs = known(ENDO, ENDO), []
    for other in (small, large):
        target = torch.stack([small, other]).long()
        given = torch.stack([missed, other]).long()
        wrong, right = (
            masked_loss(functional.one_hot(k, 3).movedim(-1, 1) * 50.0, target, drawn) for k in (given, target)
        )
        costs.append(float(wrong - right))
    assert costs[0] == pytest.approx(costs[1], rel=1e-3)


@pytest.mark.parametrize("drawn", [BOTH, ENDO, EPI])
def test_a_perfect_answer_costs_nothing_and_every_gradient_is_finite(drawn: tuple[bool, bool]) -> None:
    """Even with very large logits."""
    target = TARGET.clone()
    if drawn == ENDO:
        target[target == 2] = 0
    if drawn == EPI:
        target[target == 1] = 2
    logits = (functional.one_hot(target.long(), 3).movedim(-1, 1) * 200.0).requires_grad_()
    loss = masked_loss(logits, target, known(drawn, drawn))
    loss.backward()
    assert float(loss.detach()) < 1e-6
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
