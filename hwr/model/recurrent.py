"""Layers that read in order: LSTM, GRU and plain RNN, forwards, backwards or both, along x or y."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from hwr.model import vgsl
from hwr.model.layers import Frame, Hidden, Layer

CELLS: dict[vgsl.Cell, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Recurrent(Layer):
    """A recurrent layer over maps of shape (B, C, H, W).

    Along x the map has one row and each line is read over its true width, so that the backward direction starts at
    the line's own last column. Along y each column is a sequence of its own.
    """

    def __init__(self, maps: vgsl.Maps, layer: vgsl.Recurrent) -> None:
        super().__init__()
        self.layer = layer
        self.cell = CELLS[layer.cell](
            maps.channels, layer.hidden, batch_first=True, bidirectional=layer.direction == "both"
        )
        self.channels = layer.after(maps).channels
        _initialise(self.cell)

    def hidden_weights(self) -> list[Hidden]:
        """Return the matrices; each gate is one of its own."""
        blocks = vgsl.GATES[self.layer.cell]
        return [Hidden(w, blocks) for name, w in self.cell.named_parameters() if name.startswith("weight")]

    def forward(self, x: Tensor, frame: Frame) -> tuple[Tensor, Frame]:
        if self.layer.axis == "x":
            y = self._read(x.squeeze(2).transpose(1, 2), frame.widths)  # (B, W, C)
            return y.transpose(1, 2).unsqueeze(2), frame
        batch, channels, height, width = x.shape
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
        if lengths is None:
            y, _ = self.cell(x)
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            y, _ = pad_packed_sequence(self.cell(packed)[0], batch_first=True, total_length=x.shape[1])
        return reverse_sequences(y, lengths) if self.layer.direction == "reverse" else y


def reverse_sequences(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence of (N, T, C) within its true length; what follows it stays in place."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)[None, :]
    last = lengths[:, None] - 1
    order = torch.where(steps <= last, last - steps, steps)
    return x.gather(1, order[:, :, None].expand_as(x))


def _initialise(cell: nn.RNNBase) -> None:
    """Orthogonal recurrent weights; the forget gates of an LSTM start open (bias 1, Jozefowicz et al. 2015)."""
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
