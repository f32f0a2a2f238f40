"""VGSL, a network in one line of text (Tesseract's Variable-size Graph Specification Language), parsed without torch.

    [1,48,0,1 C3,3,32 Mp2,2 R3,3,64 Mp0,1 Lbx192 Do0.25 O1c100]

| layer | meaning |
|---|---|
| `1,48,0,1` | input: batch, height in pixels, width (0: any), channels (1: grey) |
| `C[n][a]y,x,d[,sy,sx]` | convolution y x x to d channels with stride sy,sx |
| `R[n][a]y,x,d` | residual block: two convolutions, the input added before the last activation (He et al. 2016) |
| `RC[n][a]y,x,d,T` | recurrent convolution of T iterations (Liang & Hu 2015) |
| `GC[o][n][a]y,x,d,T` | the same, gated (Wang & Hu 2017); `o`: each iteration has its own recurrent weights |
| `Mpy,x[,sy,sx]` | max pooling; the stride defaults to the window; `Mp0,1` covers the whole height |
| `S1(1x0)1,3` | height folded into the channels, so that the height becomes 1 |
| `Lbx192` `Lfx` `Lrx` | LSTM along x: both directions, forwards, backwards; `y` instead of `x`: along the height |
| `Gbx` `Nbx` `Jbx` `Mbx` | the same with GRU, Elman RNN, Jordan RNN or minGRU (Feng et al. 2024) |
| `Lfys64` | `s`: keep only the last output (summarises a column) |
| `Do0.25` | dropout |
| `O1c100` | output: 100 classes a time step for CTC, the blank is class 0 |

Along x each row is a sequence of its own, so that `Lby64 Lbx64` is a ReNet layer (Visin et al. 2015).

`n` is the norm: `b` batch (default), `i` instance, `n` none; in `C` and `RC` also `x`, local response normalisation
across channels, after the activation (Krizhevsky et al. 2012). `a` is the activation: `r` ReLU (default), `t` tanh,
`s` sigmoid, `l` linear. Names in braces, as in `C{first}3,3,32`, are ignored.

The layers are classes of `hwr.model.letters`.
"""

import re
from dataclasses import dataclass

from hwr.errors import ModelError
from hwr.model.info import MAX_HEIGHT
from hwr.model.letters import LAYERS, Layer, LayerError, Maps

MAX_NUMBER_DIGITS = 6
MAX_WEIGHTS = 500_000_000
"""Bounds on what a file from elsewhere can ask for; the largest network that ships has 7 million weights."""

ONE_ROW = "put Mp0,1 or S1(1x0)1,3 before it"


@dataclass(frozen=True)
class Specification:
    """A parsed specification.

    Attributes:
        height: rows of a line, in pixels.
        layers: from the input to the output.
        classes: scores a time step, the blank included.
    """

    height: int
    layers: tuple[Layer, ...]
    classes: int

    @property
    def stride(self) -> int:
        """Columns of the input for one time step."""
        stride = 1
        for layer in self.layers:
            stride *= layer.stride_x
        return stride

    def maps(self) -> list[Maps]:
        """Return the maps before each layer and, last, before the output."""
        maps = [Maps(1, self.height)]
        for layer in self.layers:
            maps.append(layer.after(maps[-1]))
        return maps

    def weights(self) -> int:
        """Return the number of learned weights, without the auxiliary head."""
        *before, last = self.maps()
        layers = zip(self.layers, before, strict=True)
        return sum(layer.weights(maps) for layer, maps in layers) + (last.channels + 1) * self.classes

    def multiplications(self, width: int) -> int:
        """Return the multiplications by weights for one line of `width` columns."""
        *before, last = self.maps()
        columns = -(-width // self.stride) * self.stride
        total = 0
        for layer, maps in zip(self.layers, before, strict=True):
            total += layer.multiplications(maps, columns)
            columns = -(-columns // layer.stride_x)
        return total + columns * last.channels * self.classes


def parse(text: str) -> Specification:
    """Parse a VGSL specification.

    Raises:
        ModelError: names the layer that cannot be built, and the reason.
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        raise ModelError(f"VGSL: {text!r} must be in square brackets")
    if huge := re.search(rf"\d{{{MAX_NUMBER_DIGITS + 1},}}", stripped):
        raise ModelError(f"VGSL: the number {huge[0][:20]}... is too large")
    first, *tokens = [re.sub(r"\{[^}]*\}", "", token) for token in stripped[1:-1].split()] or [""]
    if len(tokens) < 2:
        raise ModelError(f"VGSL: {text!r}: an input, layers and an output are needed")
    maps, classes = Maps(1, _input_height(first)), _output_classes(tokens[-1])
    specification = Specification(maps.height, tuple(map(_parse_layer, tokens[:-1])), classes)
    for layer, token in zip(specification.layers, tokens, strict=False):
        try:
            maps = layer.after(maps)
        except LayerError as error:
            raise ModelError(f"VGSL: {token!r}: {error}") from None
    if maps.height != 1:
        raise ModelError(f"VGSL: {maps.height} rows are left before the output: {ONE_ROW}")
    if specification.weights() > MAX_WEIGHTS:
        raise ModelError(f"VGSL: {specification.weights():,} weights; at most {MAX_WEIGHTS:,} are possible")
    return specification


def _input_height(token: str) -> int:
    match = re.fullmatch(r"\d+,(\d+),0,1", token)
    if not match or not 8 <= int(match[1]) <= MAX_HEIGHT:
        raise ModelError(f"VGSL: input {token!r}: expected 1,HEIGHT,0,1 with a height of 8 to {MAX_HEIGHT}")
    return int(match[1])


def _output_classes(token: str) -> int:
    match = re.fullmatch(r"O1c(\d+)", token)
    if not match or int(match[1]) < 2:
        raise ModelError(f"VGSL: output {token!r}: expected O1cCLASSES with at least 2 classes, as the last layer")
    return int(match[1])


def _parse_layer(token: str) -> Layer:
    for layer in LAYERS:
        if match := re.fullmatch(layer.PATTERN, token):
            try:
                return layer.from_match(match)
            except LayerError as error:
                raise ModelError(f"VGSL: {token!r}: {error}") from None
    raise ModelError(f"VGSL: unknown layer {token!r}")
