"""Layers that read in sequence: LSTM, GRU, Elman RNN, Jordan RNN, minGRU; forwards, backwards or both, along x or y."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from hwr.model import letters
from hwr.model.layers import Frame, Hidden, Layer

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}

MAX_PAST = 1 << 14
"""Time steps that minGRU sees back in an ONNX graph, where their number is not known: 16,384."""


class Recurrent(Layer):
    """A recurrent layer over maps of shape (B, C, H, W).

    Along x each row is a sequence that is read over the line's true width, so that the backward direction starts at the
    line's own last column. Along y each column is a sequence.
    """

    def __init__(self, maps: letters.Maps, layer: letters.Recurrent) -> None:
        super().__init__()
        self.layer = layer
        both = layer.direction == "both"
        self.cell: nn.RNNBase | Chains
        if layer.cell == "jordan":
            self.cell = Jordan(maps.channels, layer.hidden, both)
        elif layer.cell == "mingru":
            self.cell = MinimalGru(maps.channels, layer.hidden, both)
        else:
            self.cell = CELLS[layer.cell](maps.channels, layer.hidden, batch_first=True, bidirectional=both)
            _initialise(self.cell)
        self.channels = layer.after(maps).channels

    def hidden_weights(self) -> list[Hidden]:
        """Return the matrices; each gate is one of its own."""
        blocks = letters.GATES[self.layer.cell]
        return [Hidden(w, blocks) for name, w in self.cell.named_parameters() if name.startswith("weight")]

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        batch, channels, height, width = x.shape
        if self.layer.axis == "x":
            rows = x.permute(0, 2, 3, 1).reshape(batch * height, width, channels)
            lengths = None if frame.widths is None else frame.widths.repeat_interleave(height)
            y = self._read(rows, lengths).reshape(batch, height, width, self.channels)
            return y.permute(0, 3, 1, 2), frame
        columns = x.permute(0, 3, 2, 1).reshape(batch * width, height, channels)
        y = self._read(columns, None)
        if self.layer.summarise:
            y = y[:, -1:] if self.layer.direction == "forward" else self._summary(y)
        y = y.reshape(batch, width, y.shape[1], self.channels).permute(0, 3, 2, 1)
        mask = frame.mask(y)
        return (y if mask is None else y * mask), frame

    def _summary(self, y: Tensor) -> Tensor:
        """Return the last output of each direction; the backward one ends at the first row. (N, H, C) -> (N, 1, C)."""
        if self.layer.direction == "reverse":
            return y[:, :1]
        return torch.cat([y[:, -1:, : self.layer.hidden], y[:, :1, self.layer.hidden :]], dim=2)

    def _read(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Run the cell over (N, T, C) with true `lengths` (N,), or None when all are T."""
        if self.layer.direction == "reverse":
            x = reverse_sequences(x, lengths)
        if isinstance(self.cell, Chains):
            y = self.cell(x, lengths)
        elif lengths is None:
            y, _ = self.cell(x)
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            y, _ = pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=x.shape[1])
        return reverse_sequences(y, lengths) if self.layer.direction == "reverse" else y


class Chains(nn.Module, ABC):
    """A cell that torch does not have, in one direction or both; the weights of each direction have a suffix."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.suffixes = ("", "_reverse") if both else ("",)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """(N, T, C) -> (N, T, hidden), or (N, T, 2 hidden) in both directions; 0 beyond the true `lengths` (N,)."""
        chains = [self.chain(x, "")]
        if len(self.suffixes) > 1:
            backwards = self.chain(reverse_sequences(x, lengths), "_reverse")
            chains.append(reverse_sequences(backwards, lengths))
        y = torch.cat(chains, dim=2)
        if lengths is None:
            return y
        steps = torch.arange(y.shape[1], device=y.device)
        return y * (steps < lengths[:, None])[:, :, None].to(y.dtype)

    @abstractmethod
    def chain(self, x: Tensor, suffix: str) -> Tensor:
        """Run one direction over (N, T, C); what follows a sequence does not change it."""


class Jordan(Chains):
    """A Jordan network (Jordan 1986): the hidden layer sees the output of the step before instead of its own state.

        h_t = tanh(W x_t + U y_{t-1} + b),  y_0 = 0        y_t = V h_t + c

    Since y is linear, U y_{t-1} = U V h_{t-1} + U c from the second step on. So it is computed as an Elman network with
    the recurrent matrix U V, and with one more input, 0 at the first step and 1 later, whose weights are U c.
    """

    def __init__(self, channels: int, hidden: int, both: bool) -> None:
        super().__init__(both)
        for suffix in self.suffixes:
            for name, size in {"ih": channels, "yh": hidden, "hy": hidden}.items():
                weight = nn.Parameter(torch.empty(hidden, size))
                (nn.init.xavier_uniform_ if name == "ih" else nn.init.orthogonal_)(weight)
                self.register_parameter(f"weight_{name}{suffix}", weight)
            for name in ("h", "y"):
                self.register_parameter(f"bias_{name}{suffix}", nn.Parameter(torch.zeros(hidden)))

    def chain(self, x: Tensor, suffix: str) -> Tensor:
        w, u, v = (getattr(self, f"weight_{name}{suffix}") for name in ("ih", "yh", "hy"))
        b, c = (getattr(self, f"bias_{name}{suffix}") for name in ("h", "y"))
        later = functional.pad(torch.ones_like(x[:, 1:, :1]), (0, 0, 1, 0))
        w = torch.cat([w, (u @ c)[:, None]], dim=1)
        start = x.new_zeros(1, x.shape[0], u.shape[0])
        parameters = [w, u @ v, b, torch.zeros_like(b)]
        h, _ = torch.rnn_tanh(torch.cat([x, later], 2), start, parameters, True, 1, 0.0, self.training, False, True)
        return functional.linear(h, v, c)


class MinimalGru(Chains):
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?"): a GRU whose gate and new state see the input only.

        z_t = sigmoid(W_z x_t + b_z)        n_t = W_n x_t + b_n        h_t = (1 - z_t) h_{t-1} + z_t n_t,  h_0 = 0

    The state is a weighted sum of the past, so all steps are computed together: pairs of neighbouring steps are merged,
    then pairs of pairs (Hillis & Steele 1986). W and b hold the rows of z, then those of n.
    """

    def __init__(self, channels: int, hidden: int, both: bool) -> None:
        super().__init__(both)
        for suffix in self.suffixes:
            weight = nn.Parameter(torch.empty(2 * hidden, channels))
            for block in weight.data.chunk(2):
                nn.init.xavier_uniform_(block)
            self.register_parameter(f"weight_ih{suffix}", weight)
            self.register_parameter(f"bias{suffix}", nn.Parameter(torch.zeros(2 * hidden)))

    def chain(self, x: Tensor, suffix: str) -> Tensor:
        gates = functional.linear(x, getattr(self, f"weight_ih{suffix}"), getattr(self, f"bias{suffix}"))
        z, n = (gates if gates.dtype == torch.float64 else gates.float()).chunk(2, dim=2)  # products need precision
        keep, h = torch.sigmoid(-z), torch.sigmoid(z) * n
        past = MAX_PAST if torch.onnx.is_in_onnx_export() else x.shape[1]
        distance = 1
        while distance < past:
            h = h + keep * _later(h, distance)
            keep = keep * _later(keep, distance)
            distance *= 2
        return h.to(x.dtype)


def _later(x: Tensor, distance: int) -> Tensor:
    """Move (N, T, C) by `distance` steps, which may be more than T; zeros come in."""
    return torch.cat([torch.zeros_like(x[:, :distance]), x[:, :-distance]], dim=1)


def reverse_sequences(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence of (N, T, C) within its true length; what follows it stays in place."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)[None, :]
    last = lengths[:, None] - 1
    order = torch.where(steps <= last, last - steps, steps)
    return x.gather(1, order[:, :, None].expand_as(x))


def _initialise(cell: nn.RNNBase) -> None:
    """Make recurrent weights orthogonal, and open the forget gates of an LSTM (bias 1, Jozefowicz et al. 2015)."""
    for name, parameter in cell.named_parameters():
        if name.startswith("weight_hh"):
            for block in parameter.data.chunk(len(parameter) // cell.hidden_size):
                nn.init.orthogonal_(block)
        elif name.startswith("weight_ih"):
            for block in parameter.data.chunk(len(parameter) // cell.hidden_size):
                nn.init.xavier_uniform_(block)
        else:
            nn.init.zeros_(parameter)
            if cell.mode == "LSTM" and name.startswith("bias_ih"):
                parameter.data[cell.hidden_size : 2 * cell.hidden_size] = 1.0
