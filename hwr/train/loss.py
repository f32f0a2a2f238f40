"""CTC loss, and spans of time steps that are hidden from the recurrent layers."""

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.functional import mask_along_axis_iid

from hwr.text import BLANK


def ctc_loss(log_probs: Tensor, targets: Tensor, target_lengths: Tensor, characters: int) -> Tensor:
    """Return the CTC loss in fp32, summed over the lines and divided by `characters` (Graves et al. 2006).

    Args:
        log_probs: (B, T, classes); every line has T time steps.
        targets: the labels of all lines in sequence, (sum of `target_lengths`,).
        target_lengths: labels of each line, (B,).
        characters: number of characters of the whole batch, whose lines several processes may share.
    """
    time_steps = torch.full((log_probs.shape[0],), log_probs.shape[1], dtype=torch.int64)
    total = functional.ctc_loss(
        log_probs.float().transpose(0, 1), targets, time_steps, target_lengths, blank=BLANK, reduction="sum"
    )
    return total / characters


def span_mask(lines: int, time_steps: int, longest: int, per_span: int, device: torch.device) -> Tensor | None:
    """Return a mask, (lines, time_steps), that is 0 on random spans of up to `longest` time steps and 1 elsewhere.

    Each line has spans of its own, one for every `per_span` time steps (time masking of SpecAugment, Park et al. 2019).
    Return None when spans are switched off.
    """
    if longest < 1:
        return None
    mask = torch.ones(lines, 1, 1, time_steps, device=device)
    for _ in range(max(1, round(time_steps / per_span))):
        mask = mask_along_axis_iid(mask, min(longest, time_steps) + 1, 0.0, axis=3)
    return mask[:, 0, 0]
