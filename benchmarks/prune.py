"""Cut a smaller network out of a trained one, as the start of a training.

    python -m benchmarks.prune MODEL.safetensors --spec SPEC -o OUT.safetensors

SPEC is the specification of MODEL with fewer channels, hidden units or residual blocks, or another height; it may
contain `{classes}`. Of residual blocks in a row, the first ones and the last one stay. The channels and units that stay
are those with the largest weights: the scale of the norm times the weights with which later layers read the channel
(after Li et al. 2017, "Pruning filters for efficient ConvNets", arXiv:1608.08710). OUT reads badly until it has been
trained.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from benchmarks.new_spec import convert_model
from hwr.errors import ModelError
from hwr.model.layers import Convolution, MaskedBatchNorm, NormedConvolution, Residual
from hwr.model.network import Network, build
from hwr.model.recurrent import Recurrent

WEIGHTED = (Convolution, Residual, Recurrent, nn.Linear)
"""Layers with weights that can be cut."""


@torch.no_grad()
def prune(large: Network, spec: str) -> Network:
    """Return a network of specification `spec` with weights out of `large`.

    Raises:
        ModelError: it has layers that `large` lacks, more channels, or layers that cannot be cut.
    """
    small = build(spec)
    pairs = list(_pairs(small, large))
    kept = torch.arange(1)  # the one channel of the ink
    for index, (to, of) in enumerate(pairs):
        later = [layer for _, layer in pairs[index:]]
        match to, of:
            case Convolution(), Convolution():
                channels = _largest(_stream_sizes(later), to.layer.channels)
                _copy(to.body, of.body, kept, channels)
            case Residual(), Residual():
                grows = of.projection is not None
                channels = _largest(_stream_sizes(later), to.layer.channels) if grows else kept
                _cut_block(to, of, kept, channels)
            case Recurrent(), Recurrent():
                channels = _cut_cell(to.cell, of.cell, kept, later[1])
            case nn.Linear(), nn.Linear():
                to.weight.copy_(of.weight[:, kept])
                to.bias.copy_(of.bias)
                channels = kept
            case _:
                raise ModelError(f"a {type(of).__name__} cannot become a {type(to).__name__}")
        kept = channels
    return small


def _pairs(small: Network, large: Network) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Pair each weighted layer of `small` with its layer of `large`; of a group, the first and the last one stay."""
    groups = [weighted_groups(network) for network in (small, large)]
    if len(groups[0]) != len(groups[1]):
        raise ModelError("the specification has other layers than the model")
    for few, many in zip(*groups, strict=True):
        if len(few) > len(many):
            raise ModelError("the specification has more layers than the model")
        yield from zip(few, [*many[: len(few) - 1], many[-1]], strict=True)


def weighted_groups(network: Network) -> list[list[nn.Module]]:
    """Return the weighted layers, residual blocks of equal width in a row as one group."""
    layers = [layer for layer in (*network.layers, network.output) if isinstance(layer, WEIGHTED)]
    keys = [layer.layer.channels if isinstance(layer, Residual) else -index for index, layer in enumerate(layers)]
    return [[layers[i] for i in indices] for _, indices in groupby(range(len(layers)), keys.__getitem__)]


def _stream_sizes(layers: Sequence[nn.Module]) -> Tensor:
    """Return the size of each channel that the first layer makes; blocks without a projection add to the same ones."""
    writers, readers = [], []
    for index, layer in enumerate(layers):
        if index:
            readers.append(_read(layer))
            if not isinstance(layer, Residual) or layer.projection is not None:
                break
        writers.append(_written(layer))
    return _sum(writers).sqrt() * _sum(readers).sqrt()


def _sum(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).sum(0)


def _written(layer: nn.Module) -> Tensor:
    """Return the squared scale of each channel that a layer writes."""
    if isinstance(layer, Convolution):
        return batch_norm(layer.body).weight.square()
    assert isinstance(layer, Residual)
    parts = [part for part in (layer.second, layer.projection) if part is not None]
    return _sum(batch_norm(part).weight.square() for part in parts)


def _read(layer: nn.Module) -> Tensor:
    """Return the squared weights with which a layer reads each of its input channels."""
    match layer:
        case Convolution():
            return _kernels(layer.body)
        case Residual():
            return _sum(_kernels(part) for part in (layer.first, layer.projection) if part is not None)
        case Recurrent():
            weights = [w for name, w in layer.cell.named_parameters() if name.startswith("weight_ih")]
            return _sum(weight.square().sum(0) for weight in weights)
        case _:
            assert isinstance(layer.weight, Tensor)
            return layer.weight.square().sum(0)


def _kernels(part: NormedConvolution) -> Tensor:
    """Return the squared kernels over each input channel, as the norm scales them."""
    norm = batch_norm(part)
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (part.convolution.weight * scale[:, None, None, None]).square().sum((0, 2, 3))


def batch_norm(part: NormedConvolution) -> MaskedBatchNorm:
    """Return the norm of a convolution.

    Raises:
        ModelError: it has another norm, or none.
    """
    if not isinstance(part.norm, MaskedBatchNorm):
        raise ModelError("only convolutions with batch norm can change their channels")
    return part.norm


def _largest(sizes: Tensor, count: int) -> Tensor:
    """Return the indices of the `count` largest sizes, in ascending order."""
    if count > len(sizes):
        raise ModelError(f"the specification has {count} channels, the model {len(sizes)}")
    return sizes.topk(count).indices.sort().values


def _cut_block(to: Residual, of: Residual, kept: Tensor, channels: Tensor) -> None:
    inner = _largest(batch_norm(of.first).weight.abs() * _kernels(of.second).sqrt(), to.layer.channels)
    _copy(to.first, of.first, kept, inner)
    _copy(to.second, of.second, inner, channels)
    if to.projection is not None and of.projection is not None:
        _copy(to.projection, of.projection, kept, channels)


def _copy(to: NormedConvolution, of: NormedConvolution, inputs: Tensor, outputs: Tensor) -> None:
    to.convolution.weight.copy_(of.convolution.weight[outputs][:, inputs])
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(to.norm, name).copy_(getattr(of.norm, name)[outputs])


def _cut_cell(to: nn.Module, of: nn.Module, inputs: Tensor, reader: nn.Module) -> Tensor:
    """Cut an LSTM to its largest units, by what `reader` and the LSTM itself read of each; return the outputs kept."""
    if not isinstance(to, nn.LSTM) or not isinstance(of, nn.LSTM):
        raise ModelError("only LSTM layers can be cut")
    outputs = []
    for index, suffix in enumerate(("", "_reverse") if of.bidirectional else ("",)):
        own, first = getattr(of, f"weight_hh_l0{suffix}"), index * of.hidden_size
        read = _read(reader)[first : first + of.hidden_size]
        units = _largest(read + own.square().sum(0), to.hidden_size)
        rows = torch.cat([units + gate * of.hidden_size for gate in range(4)])
        for name, columns in ((f"weight_ih_l0{suffix}", inputs), (f"weight_hh_l0{suffix}", units)):
            getattr(to, name).copy_(getattr(of, name)[rows][:, columns])
        for name in (f"bias_ih_l0{suffix}", f"bias_hh_l0{suffix}"):
            getattr(to, name).copy_(getattr(of, name)[rows])
        outputs.append(units + first)
    return torch.cat(outputs)


if __name__ == "__main__":
    convert_model(__doc__, prune)
