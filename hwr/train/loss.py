"""CTC loss, and spans of time steps that are hidden from the recurrent layers."""

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.functional import mask_along_axis_iid

from hwr.text import BLANK


def ctc_loss(log_probs: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """CTC loss in fp32, summed over the batch and divided by its characters (Graves et al. 2006).

    Args:
        log_probs: (B, T, classes); every line has T time steps.
        targets: all labels one after the other; target_lengths: (B,).
    """
    steps = torch.full((log_probs.shape[0],), log_probs.shape[1], dtype=torch.int64)
    total = functional.ctc_loss(
        log_probs.float().transpose(0, 1), targets, steps, target_lengths, blank=BLANK, reduction="sum"
    )
    return total / target_lengths.sum()


def span_mask(lines: int, steps: int, longest: int, steps_per_span: int, device: torch.device) -> Tensor | None:
    """Random spans of at most `longest` time steps set to 0, each line its own: (lines, steps) of 0 and 1.

    One span for every `steps_per_span` steps (time masking of SpecAugment, Park et al. 2019, on the columns).
    None when spans are switched off.
    """
    if longest < 1:
        return None
    mask = torch.ones(lines, 1, 1, steps, device=device)
    for _ in range(max(1, round(steps / steps_per_span))):
        mask = mask_along_axis_iid(mask, min(longest, steps) + 1, 0.0, axis=3)
    return mask[:, 0, 0]
