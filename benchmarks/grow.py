"""Put a trained network into a larger one that reads the same, as the start of a longer training.

    python -m benchmarks.grow MODEL.safetensors --spec SPEC -o OUT.safetensors

SPEC is the specification of MODEL with more channels, hidden units or residual blocks; it may contain `{classes}`. New
channels and units are random, but no old one reads them at first, and a new residual block adds nothing at first (after
Chen et al. 2016, "Net2Net: Accelerating learning via knowledge transfer", arXiv:1511.05641, with zeros in place of
copies). So OUT computes the function of MODEL, and training puts the new weights to use. `benchmarks.prune` is the
opposite.
"""

from collections.abc import Iterator
from itertools import zip_longest

import torch
from torch import Tensor, nn

from benchmarks.new_spec import convert_model
from benchmarks.prune import batch_norm, weighted_groups
from hwr.errors import ModelError
from hwr.model.layers import Convolution, NormedConvolution, Residual
from hwr.model.network import Network, build
from hwr.model.recurrent import Recurrent


@torch.no_grad()
def grow(small: Network, spec: str) -> Network:
    """Return a network of specification `spec` that reads as `small` does.

    The new weights are drawn from torch's generator.

    Raises:
        ModelError: it has fewer channels or layers than `small`, other layers, or layers that cannot grow.
    """
    large = build(spec)
    old = torch.arange(1)  # where the channels of `small` are among those of `large`: the one of the ink
    for to, of in _pairs(large, small):
        match to, of:
            case Convolution(), Convolution():
                old = _put(to.body, of.body, old)
            case Residual(), Residual():
                old = _put_block(to, of, old)
            case Residual(), None if to.projection is None and to.layer.activation == "relu":
                batch_norm(to.second).weight.zero_()
            case Recurrent(), Recurrent():
                old = _put_cell(to.cell, of.cell, old)
            case nn.Linear(), nn.Linear() if to.bias.shape == of.bias.shape:
                to.weight.zero_()
                to.weight[:, old] = of.weight
                to.bias.copy_(of.bias)
            case _:
                raise ModelError(f"a {type(of).__name__} cannot become a {type(to).__name__}")
    return large


def _pairs(large: Network, small: Network) -> Iterator[tuple[nn.Module, nn.Module | None]]:
    """Pair each weighted layer of `large` with its layer of `small`; blocks that a group has more are its last ones."""
    groups = [weighted_groups(network) for network in (large, small)]
    if len(groups[0]) != len(groups[1]):
        raise ModelError("the specification has other layers than the model")
    for many, few in zip(*groups, strict=True):
        if len(many) < len(few):
            raise ModelError("the specification has fewer layers than the model")
        yield from zip_longest(many, few)


def _put(to: NormedConvolution, of: NormedConvolution, old: Tensor) -> Tensor:
    """Put a convolution over the channels `old` into a larger one; return where its own channels are."""
    outputs = torch.arange(_fitting(len(of.convolution.weight), len(to.convolution.weight)))
    _put_rows(to.convolution.weight, of.convolution.weight, outputs, old)
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(batch_norm(to), name)[outputs] = getattr(batch_norm(of), name)
    return outputs


def _put_rows(to: Tensor, of: Tensor, rows: Tensor, columns: Tensor) -> None:
    """Put the matrix (or kernels) `of` into `to`: its rows read nothing but `columns`."""
    to[rows] = 0
    to[rows[:, None], columns] = of


def _put_block(to: Residual, of: Residual, old: Tensor) -> Tensor:
    outputs = _put(to.second, of.second, _put(to.first, of.first, old))
    if to.projection is not None and of.projection is not None:
        _put(to.projection, of.projection, old)
    elif to.projection is not of.projection or not torch.equal(outputs, old):
        raise ModelError("a residual block needs a projection in one of the networks only")
    return outputs


def _put_cell(to: nn.Module, of: nn.Module, old: Tensor) -> Tensor:
    """Put an LSTM over the inputs `old` into a larger one; return where its outputs are."""
    if not isinstance(to, nn.LSTM) or not isinstance(of, nn.LSTM) or to.bidirectional != of.bidirectional:
        raise ModelError("only LSTM layers of the same directions can grow")
    units = torch.arange(_fitting(of.hidden_size, to.hidden_size))
    rows = torch.cat([units + gate * to.hidden_size for gate in range(4)])
    suffixes = ("", "_reverse") if of.bidirectional else ("",)
    for suffix in suffixes:
        for name, columns in ((f"weight_ih_l0{suffix}", old), (f"weight_hh_l0{suffix}", units)):
            _put_rows(getattr(to, name), getattr(of, name), rows, columns)
        for name in (f"bias_ih_l0{suffix}", f"bias_hh_l0{suffix}"):
            getattr(to, name)[rows] = getattr(of, name)
    return torch.cat([units + index * to.hidden_size for index in range(len(suffixes))])


def _fitting(few: int, many: int) -> int:
    if few > many:
        raise ModelError(f"the specification has {many} channels, the model {few}")
    return few


if __name__ == "__main__":
    convert_model(__doc__, grow)
