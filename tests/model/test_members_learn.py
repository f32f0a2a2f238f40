"""Every member of the recurrent family learns 200 drawn lines: its loss falls by 90 %."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from helpers.drawn_letters import CHARACTERS, HEIGHT, drawn_line
from hwr.model.network import Network, build

MEMBERS = {
    "Elman": "Nbx24",
    "Jordan": "Jbx24",
    "minGRU": "Mbx24",
    "GRU": "Gbx24",
    "LSTM one way": "Lfx24",
    "BLSTM": "Lbx24",
}
ENCODERS = {
    "RCL": "RC3,3,12,2 Mp2,2 Mp0,1",
    "RCL as published": "RCx3,3,12,3 Mp2,2 Mp0,1",
    "GRCL": "GC3,3,12,2 Mp2,2 Mp0,1",
    "GRCL with own weights": "GCo3,3,12,2 Mp2,2 Mp0,1",
    "ReNet": "Mp2,2 Lby8 Lbx8 Mp0,1",
}
SPECS = {name: f"Mp2,2 Mp0,1 {layer}" for name, layer in MEMBERS.items()} | {
    name: f"{layers} Lbx16" for name, layers in ENCODERS.items()
}


def pool(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lines of 2 to 5 letters in one batch: ink, widths, targets, their lengths."""
    generator = np.random.default_rng(seed)
    texts = ["".join(generator.choice(list(CHARACTERS), int(generator.integers(2, 6)))) for _ in range(count)]
    lines = [drawn_line(text) for text in texts]
    widths = torch.tensor([line.shape[1] for line in lines])
    ink = torch.zeros(count, 1, HEIGHT, int(widths.max()))
    for row, line in zip(ink, lines, strict=True):
        row[0, :, : line.shape[1]] = torch.from_numpy(line) / 255
    targets = torch.tensor([CHARACTERS.index(c) + 1 for text in texts for c in text])
    return ink, widths, targets, torch.tensor([len(text) for text in texts])


def loss_of(network: Network, ink: Tensor, widths: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    steps = (widths + network.stride - 1) // network.stride
    return functional.ctc_loss(network(ink, widths).transpose(0, 1), targets, steps, lengths, blank=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_the_loss_falls_by_90_percent(name: str) -> None:
    torch.manual_seed(1)
    network = build(f"[1,{HEIGHT},0,1 C3,3,8,2,2 {SPECS[name]} O1c{len(CHARACTERS) + 1}]").train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    batches = [pool(25, seed) for seed in range(8)]
    with torch.no_grad():
        first = float(np.mean([loss_of(network, *batch) for batch in batches]))
    last = first
    for _ in range(60):
        losses = []
        for batch in batches:
            optimiser.zero_grad()
            loss = loss_of(network, *batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss))
        last = float(np.mean(losses))
        if last < 0.1 * first:
            break
    assert last < 0.1 * first
