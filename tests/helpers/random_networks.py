"""Networks that compute something at once: every weight and every statistic is random."""

import torch
from torch import nn

from hwr.model.network import Network, build


def random_network(spec: str) -> Network:
    """Return a network with random weights and random statistics of its norms."""
    torch.manual_seed(0)
    made = build(spec)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.bias, -0.5), (module.running_var, 0.5)):
                nn.init.uniform_(tensor, low, low + 1)
            nn.init.normal_(module.running_mean)
    return made.eval()
