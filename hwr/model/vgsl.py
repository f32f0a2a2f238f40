"""VGSL: a network in one line of text (Tesseract's Variable-size Graph Specification Language), parsed without torch.

    [1,48,0,1 C3,3,32 Mp2,2 R3,3,64 Mp0,1 Lbx192 Do0.25 O1c100]

| layer | meaning |
|---|---|
| `1,48,0,1` | input: batch, height in pixels, width (0: any), channels (1: grey) |
| `C[n][a]y,x,d[,sy,sx]` | convolution y x x to d channels with stride sy,sx |
| `R[n][a]y,x,d` | residual block: two convolutions, the input added before the last activation (He et al. 2016) |
| `Mpy,x[,sy,sx]` | max pooling; the stride is the window where not given; `Mp0,1` goes over the whole height |
| `S1(1x0)1,3` | height folded into the channels, so that the height becomes 1 |
| `Lbx192` `Lfx` `Lrx` | LSTM along x: both directions, forwards, backwards; `y` instead of `x`: along the height |
| `Gbx` `Nbx` | the same with GRU or plain (Elman) RNN |
| `Lfys64` | `s`: only the last output of the run is kept (summarises a column) |
| `Do0.25` | dropout |
| `O1c100` | output: 100 classes a time step for CTC, the blank is class 0 |

`n` is the norm: `b` batch (default), `i` instance, `n` none. `a` is the activation: `r` ReLU (default), `t` tanh,
`s` sigmoid, `l` linear. Names in braces, as in `C{first}3,3,32`, are read and ignored.
"""

import re
from dataclasses import dataclass
from typing import Literal

from hwr.errors import ModelError

Norm = Literal["batch", "instance", "none"]
Activation = Literal["relu", "tanh", "sigmoid", "linear"]
Cell = Literal["lstm", "gru", "rnn"]
Direction = Literal["forward", "reverse", "both"]

NORMS: dict[str, Norm] = {"b": "batch", "i": "instance", "n": "none"}
ACTIVATIONS: dict[str, Activation] = {"r": "relu", "t": "tanh", "s": "sigmoid", "l": "linear"}
CELLS: dict[str, Cell] = {"L": "lstm", "G": "gru", "N": "rnn"}
DIRECTIONS: dict[str, Direction] = {"f": "forward", "r": "reverse", "b": "both"}


@dataclass(frozen=True)
class Input:
    """Grey lines of `height` pixels."""

    height: int
    channels: int


@dataclass(frozen=True)
class Convolution:
    """One convolution, or with `residual` a block of two."""

    kernel: tuple[int, int]
    channels: int
    stride: tuple[int, int]
    norm: Norm
    activation: Activation
    residual: bool = False


@dataclass(frozen=True)
class MaxPool:
    """Max pooling; a window of height 0 covers the whole height."""

    window: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Fold:
    """Height into channels."""


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer along x or y."""

    cell: Cell
    direction: Direction
    axis: Literal["x", "y"]
    summarise: bool
    hidden: int


@dataclass(frozen=True)
class Dropout:
    """Dropout with probability `p`."""

    p: float


@dataclass(frozen=True)
class Output:
    """`classes` scores a time step."""

    classes: int


Layer = Convolution | MaxPool | Fold | Recurrent | Dropout


@dataclass(frozen=True)
class Specification:
    """A parsed specification."""

    input: Input
    layers: tuple[Layer, ...]
    output: Output

    @property
    def stride(self) -> int:
        """Columns of the input a time step."""
        stride = 1
        for layer in self.layers:
            if isinstance(layer, Convolution | MaxPool):
                stride *= layer.stride[1]
        return stride


_NUMBERS = r"(\d+),(\d+)"
_PATTERNS = {
    "convolution": re.compile(rf"([CR])([bin]?)([rtsl]?){_NUMBERS},(\d+)(?:,{_NUMBERS})?"),
    "pool": re.compile(rf"Mp{_NUMBERS}(?:,{_NUMBERS})?"),
    "fold": re.compile(r"S1\(1x0\)1,3"),
    "recurrent": re.compile(r"([LGN])([frb])([xy])(s?)(\d+)"),
    "dropout": re.compile(r"Do(\d*\.?\d+)"),
    "output": re.compile(r"O1c(\d+)"),
}


def parse(text: str) -> Specification:
    """Parse a VGSL specification.

    Raises:
        ModelError: says which layer cannot be read, and why.
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        raise ModelError(f"VGSL: {text!r} must stand in square brackets")
    tokens = [re.sub(r"\{[^}]*\}", "", token) for token in stripped[1:-1].split()]
    if len(tokens) < 3:
        raise ModelError(f"VGSL: {text!r}: an input, layers and an output are needed")
    layers = tuple(_parse_layer(token) for token in tokens[1:-1])
    specification = Specification(_parse_input(tokens[0]), layers, _parse_output(tokens[-1]))
    _check_heights(specification, tokens[1:-1])
    return specification


def _parse_input(token: str) -> Input:
    match = re.fullmatch(r"\d+,(\d+),0,(\d+)", token)
    if not match or int(match[1]) < 8 or int(match[2]) != 1:
        raise ModelError(f"VGSL: input {token!r}: expected 1,HEIGHT,0,1 with a height of at least 8")
    return Input(int(match[1]), int(match[2]))


def _parse_output(token: str) -> Output:
    match = _PATTERNS["output"].fullmatch(token)
    if not match or int(match[1]) < 2:
        raise ModelError(f"VGSL: output {token!r}: expected O1cCLASSES with at least 2 classes, as the last layer")
    return Output(int(match[1]))


def _parse_layer(token: str) -> Layer:
    if match := _PATTERNS["convolution"].fullmatch(token):
        return _convolution(match, token)
    if match := _PATTERNS["pool"].fullmatch(token):
        y, x = int(match[1]), int(match[2])
        if x == 0 or (match[3] and 0 in (int(match[3]), int(match[4]))):
            raise ModelError(f"VGSL: {token!r}: a window or stride of 0 (only the window's height may be 0)")
        return MaxPool((y, x), (int(match[3] or y), int(match[4] or x)))
    if _PATTERNS["fold"].fullmatch(token):
        return Fold()
    if match := _PATTERNS["recurrent"].fullmatch(token):
        if not int(match[5]):
            raise ModelError(f"VGSL: {token!r}: no hidden units")
        axis: Literal["x", "y"] = "x" if match[3] == "x" else "y"
        if match[4] and axis == "x":
            raise ModelError(f"VGSL: {token!r}: a summary along x leaves no time steps for CTC")
        return Recurrent(CELLS[match[1]], DIRECTIONS[match[2]], axis, bool(match[4]), int(match[5]))
    if match := _PATTERNS["dropout"].fullmatch(token):
        if not 0 <= float(match[1]) < 1:
            raise ModelError(f"VGSL: {token!r}: a probability below 1 is expected")
        return Dropout(float(match[1]))
    raise ModelError(f"VGSL: unknown layer {token!r}")


def _convolution(match: re.Match[str], token: str) -> Convolution:
    kernel = (int(match[4]), int(match[5]))
    if kernel[0] % 2 == 0 or kernel[1] % 2 == 0:
        raise ModelError(f"VGSL: {token!r}: kernels must be odd, so that a column keeps its place")
    if not int(match[6]):
        raise ModelError(f"VGSL: {token!r}: no channels")
    stride = (int(match[7] or 1), int(match[8] or 1))
    residual = match[1] == "R"
    if 0 in stride or (residual and stride != (1, 1)):
        raise ModelError(f"VGSL: {token!r}: a residual block has no stride, and no stride is 0")
    norm, activation = NORMS[match[2] or "b"], ACTIVATIONS[match[3] or "r"]
    return Convolution(kernel, int(match[6]), stride, norm, activation, residual)


def _check_heights(specification: Specification, tokens: list[str]) -> None:
    """Follow the height through the layers: pools must fit, and one row must be left for CTC."""
    height = specification.input.height
    for layer, token in zip(specification.layers, tokens, strict=True):
        if isinstance(layer, Convolution):
            height = -(-height // layer.stride[0])
        elif isinstance(layer, MaxPool):
            window = layer.window[0] or height
            if window > height:
                raise ModelError(f"VGSL: {token!r}: a pool of height {window} on {height} rows")
            height = (height - window) // (layer.stride[0] or height) + 1
        elif isinstance(layer, Fold) or (isinstance(layer, Recurrent) and layer.summarise):
            height = 1
        elif isinstance(layer, Recurrent) and layer.axis == "x" and height != 1:
            raise ModelError(f"VGSL: {token!r}: a layer along x on {height} rows: put Mp0,1 or S1(1x0)1,3 before it")
    if height != 1:
        raise ModelError(f"VGSL: {height} rows are left before the output: put Mp0,1 or S1(1x0)1,3 before it")
