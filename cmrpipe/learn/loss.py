"""Dice plus cross-entropy over background, cavity and myocardium, blind to what the expert did not draw.

Where only the endocardium was drawn, background and myocardium cannot be told apart by the label, so their
probabilities are added up and judged as one class; where only the epicardium was drawn, the same holds for cavity and
myocardium. This marginal loss follows Shi et al., Medical Image Analysis 70:101979, 2021.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cmrpipe.model import Label

_SMOOTH = 1.0
"""Pixels added to both sides of the Dice ratio, so that a class that is absent from an image has a gradient."""


def groups(known: Tensor) -> Tensor:
    """Which classes count as one, per sample.

    Parameters
    ----------
    known : (n, 2) bool, whether endocardium and epicardium were drawn

    Returns
    -------
    (n, 3, 3) bool : [i, a, b] is True where classes a and b of sample i cannot be told apart
    """
    together = torch.eye(len(Label), dtype=torch.bool, device=known.device).repeat(len(known), 1, 1)
    endo, epi = known[:, 0], known[:, 1]
    for unknown, other in ((~epi, Label.BACKGROUND), (~endo, Label.CAVITY)):
        together[:, Label.MYOCARDIUM, other] |= unknown
        together[:, other, Label.MYOCARDIUM] |= unknown
    return together


def marginal_log_probabilities(logits: Tensor, known: Tensor) -> Tensor:
    """(n, 3, h, w) log of each class's probability together with those it cannot be told from."""
    apart = torch.zeros_like(groups(known), dtype=logits.dtype).masked_fill_(~groups(known), -torch.inf)
    log_probabilities = functional.log_softmax(logits, dim=1)
    return torch.logsumexp(log_probabilities[:, None] + apart[..., None, None], dim=2)


def masked_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Mean of cross-entropy and (1 - Dice).

    Parameters
    ----------
    logits : (n, 3, h, w) float
    target : (n, h, w) integer, values of `Label`
    known : (n, 2) bool, whether endocardium and epicardium were drawn; at least one was

    Returns
    -------
    scalar; Dice is taken image by image, so that small hearts count as much as large ones, of the cavity where the
    endocardium is known and of the myocardium where both borders are
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # half precision loses small probabilities
    log_probabilities = marginal_log_probabilities(logits, known)
    # by gather: nll_loss is refused on a GPU where bits must repeat
    cross_entropy = -log_probabilities.gather(1, target.long()[:, None]).mean()
    cavity, myocardium = known[:, 0], known.all(dim=1)
    losses = [cross_entropy]
    for label, judged in ((Label.CAVITY, cavity), (Label.MYOCARDIUM, myocardium)):
        if bool(judged.any()):
            probability = log_probabilities[judged, label].exp()
            expert = (target[judged] == label).to(probability.dtype)
            overlap = 2 * (probability * expert).sum(dim=(1, 2)) + _SMOOTH
            total = probability.sum(dim=(1, 2)) + expert.sum(dim=(1, 2)) + _SMOOTH
            losses.append((1 - overlap / total).mean())
    return torch.stack(losses).mean()
