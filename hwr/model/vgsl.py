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

Each layer is one class here: its pattern, how it changes the maps, and its counts of weights and multiplications. Its
module is one entry of `hwr.model.network.MODULES`.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from hwr.errors import ModelError
from hwr.model.info import MAX_HEIGHT

Norm = Literal["batch", "instance", "none", "response"]
Activation = Literal["relu", "tanh", "sigmoid", "linear"]
Cell = Literal["lstm", "gru", "rnn", "jordan", "mingru"]
Direction = Literal["forward", "reverse", "both"]

NORMS: dict[str, Norm] = {"b": "batch", "i": "instance", "n": "none", "x": "response"}
NORM_WEIGHTS: dict[Norm, int] = {"batch": 2, "instance": 2, "none": 1, "response": 1}
"""Weights of each channel in addition to the kernel: scale and shift of the norm, or a bias without a norm."""
ACTIVATIONS: dict[str, Activation] = {"r": "relu", "t": "tanh", "s": "sigmoid", "l": "linear"}
CELLS: dict[str, Cell] = {"L": "lstm", "G": "gru", "N": "rnn", "J": "jordan", "M": "mingru"}
GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1, "jordan": 1, "mingru": 2}
STATE_MATRICES: dict[Cell, int] = {"lstm": 1, "gru": 1, "rnn": 1, "jordan": 2, "mingru": 0}
"""Square matrices for each gate. The context of a Jordan network is its output, a layer further; minGRU has none."""
DIRECTIONS: dict[str, Direction] = {"f": "forward", "r": "reverse", "b": "both"}

MAX_NUMBER_DIGITS = 6
MAX_WEIGHTS = 500_000_000
MAX_ITERATIONS = 50
"""Bounds on what a file from elsewhere can ask for; the largest network that ships has 7 million weights."""

ONE_ROW = "put Mp0,1 or S1(1x0)1,3 before it"


class LayerError(ValueError):
    """A layer cannot be built: the reason, without the layer's name."""


@dataclass(frozen=True)
class Maps:
    """Feature maps of a line: `channels` maps of `height` rows, of any width."""

    channels: int
    height: int


@dataclass(frozen=True)
class Layer:
    """A layer between input and output."""

    PATTERN: ClassVar[str]

    @property
    def stride_x(self) -> int:
        """Columns before the layer for one column after it."""
        return 1

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        """Make the layer from a match of its pattern.

        Raises:
            LayerError: a number is out of range.
        """
        raise NotImplementedError

    def after(self, maps: Maps) -> Maps:
        """Return the maps that the layer makes of `maps`.

        Raises:
            LayerError: the layer does not fit maps of this height.
        """
        return maps

    def weights(self, maps: Maps) -> int:
        """Return the number of learned weights of the layer on `maps`."""
        return 0

    def multiplications(self, maps: Maps, columns: int) -> int:
        """Return the multiplications by weights for one line with `columns` columns before the layer."""
        return 0


@dataclass(frozen=True)
class Convolution(Layer):
    """One convolution with norm and activation."""

    PATTERN = r"C([binx]?)([rtsl]?)(\d+),(\d+),(\d+)(?:,(\d+),(\d+))?"
    kernel: tuple[int, int]
    channels: int
    stride: tuple[int, int] = (1, 1)
    norm: Norm = "batch"
    activation: Activation = "relu"

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        norm, activation, y, x, channels, *strides = match.groups()
        stride_y, stride_x = (int(number or 1) for number in strides)
        if 0 in (stride_y, stride_x):
            raise LayerError("a stride of 0")
        size = (kernel_size(y, x), positive(channels, "channels"))
        return cls(*size, (stride_y, stride_x), NORMS[norm or "b"], ACTIVATIONS[activation or "r"])

    @property
    def stride_x(self) -> int:
        return self.stride[1]

    def after(self, maps: Maps) -> Maps:
        return Maps(self.channels, -(-maps.height // self.stride[0]))

    def weights(self, maps: Maps) -> int:
        return self.channels * (self._kernel(maps) + NORM_WEIGHTS[self.norm])

    def multiplications(self, maps: Maps, columns: int) -> int:
        return self.after(maps).height * -(-columns // self.stride[1]) * self.channels * self._kernel(maps)

    def _kernel(self, maps: Maps) -> int:
        return self.kernel[0] * self.kernel[1] * maps.channels


@dataclass(frozen=True)
class Residual(Layer):
    """Two convolutions whose result is added to their input; a 1 x 1 projection where the channels change."""

    PATTERN = r"R([bin]?)([rtsl]?)(\d+),(\d+),(\d+)"
    kernel: tuple[int, int]
    channels: int
    norm: Norm = "batch"
    activation: Activation = "relu"

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        norm, activation, y, x, channels = match.groups()
        size = (kernel_size(y, x), positive(channels, "channels"))
        return cls(*size, NORMS[norm or "b"], ACTIVATIONS[activation or "r"])

    def convolutions(self, channels: int) -> list[tuple[int, Convolution]]:
        """Return the convolutions of a block on `channels` channels, the projection last; each with its input."""
        first = Convolution(self.kernel, self.channels, norm=self.norm, activation=self.activation)
        projection = Convolution((1, 1), self.channels, norm=self.norm, activation="linear")
        block = [(channels, first), (self.channels, first)]
        return block if channels == self.channels else [*block, (channels, projection)]

    def after(self, maps: Maps) -> Maps:
        return Maps(self.channels, maps.height)

    def weights(self, maps: Maps) -> int:
        parts = self.convolutions(maps.channels)
        return sum(part.weights(Maps(channels, maps.height)) for channels, part in parts)

    def multiplications(self, maps: Maps, columns: int) -> int:
        parts = self.convolutions(maps.channels)
        return sum(part.multiplications(Maps(channels, maps.height), columns) for channels, part in parts)


@dataclass(frozen=True)
class RecurrentConvolution(Layer):
    """A convolution that sees its own output `iterations` times; each time has its own norm.

    With no iterations it is a `Convolution`. Each iteration widens the field of view by a kernel.
    """

    PATTERN = r"RC([binx]?)([rtsl]?)(\d+),(\d+),(\d+),(-?\d+)"
    kernel: tuple[int, int]
    channels: int
    iterations: int
    norm: Norm = "batch"
    activation: Activation = "relu"

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        norm, activation, y, x, channels, iterations = match.groups()
        size = (kernel_size(y, x), positive(channels, "channels"), iterations_from(iterations, 0))
        return cls(*size, NORMS[norm or "b"], ACTIVATIONS[activation or "r"])

    def after(self, maps: Maps) -> Maps:
        return Maps(self.channels, maps.height)

    def weights(self, maps: Maps) -> int:
        kernels = maps.channels + (self.channels if self.iterations else 0)
        norms = self.iterations + 1 if NORM_WEIGHTS[self.norm] > 1 else 1
        return self.channels * (self._area * kernels + norms * NORM_WEIGHTS[self.norm])

    def multiplications(self, maps: Maps, columns: int) -> int:
        kernels = maps.channels + self.iterations * self.channels
        return maps.height * columns * self.channels * self._area * kernels

    @property
    def _area(self) -> int:
        return self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class GatedRecurrentConvolution(Layer):
    """A recurrent convolution in which a gate weighs the recurrent term at each place.

    With `own` weights each iteration has recurrent kernels of its own.
    """

    PATTERN = r"GC(o?)([bin]?)([rtsl]?)(\d+),(\d+),(\d+),(-?\d+)"
    kernel: tuple[int, int]
    channels: int
    iterations: int
    norm: Norm = "batch"
    activation: Activation = "relu"
    own: bool = False

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        own, norm, activation, y, x, channels, iterations = match.groups()
        size = (kernel_size(y, x), positive(channels, "channels"), iterations_from(iterations, 1))
        return cls(*size, NORMS[norm or "b"], ACTIVATIONS[activation or "r"], bool(own))

    def after(self, maps: Maps) -> Maps:
        return Maps(self.channels, maps.height)

    def weights(self, maps: Maps) -> int:
        kernels = maps.channels + self.channels * (self.iterations if self.own else 1)
        # Of the input and of five terms of each iteration; without norms, a bias of the input and one of the gate.
        norms = 2 * (1 + 5 * self.iterations) if NORM_WEIGHTS[self.norm] > 1 else 2
        return self.channels * (self._area * kernels + norms)

    def multiplications(self, maps: Maps, columns: int) -> int:
        kernels = maps.channels + self.iterations * self.channels
        return maps.height * columns * self.channels * self._area * kernels

    @property
    def _area(self) -> int:
        # The kernel, and the gate's of 1 x 1.
        return self.kernel[0] * self.kernel[1] + 1


@dataclass(frozen=True)
class MaxPool(Layer):
    """Max pooling; a window or stride of height 0 covers the whole height."""

    PATTERN = r"Mp(\d+),(\d+)(?:,(\d+),(\d+))?"
    window: tuple[int, int]
    stride: tuple[int, int]

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        window = (int(match[1]), int(match[2]))
        stride = (int(match[3]), int(match[4])) if match[3] else window
        if window[1] == 0 or (match[3] and 0 in stride):
            raise LayerError("a window or stride of 0 (only the window's height may be 0)")
        return cls(window, stride)

    @property
    def stride_x(self) -> int:
        return self.stride[1]

    def after(self, maps: Maps) -> Maps:
        window = self.window[0] or maps.height
        if window > maps.height:
            raise LayerError(f"a pool of height {window} on {maps.height} rows")
        return Maps(maps.channels, (maps.height - window) // (self.stride[0] or maps.height) + 1)


@dataclass(frozen=True)
class Fold(Layer):
    """Height into channels."""

    PATTERN = r"S1\(1x0\)1,3"

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        return cls()

    def after(self, maps: Maps) -> Maps:
        return Maps(maps.channels * maps.height, 1)


@dataclass(frozen=True)
class Recurrent(Layer):
    """A recurrent layer along x or y."""

    PATTERN = r"([LGNJM])([frb])([xy])(s?)(\d+)"
    cell: Cell
    direction: Direction
    axis: Literal["x", "y"]
    summarise: bool
    hidden: int

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        axis: Literal["x", "y"] = "x" if match[3] == "x" else "y"
        if match[4] and axis == "x":
            raise LayerError("a summary along x leaves no time steps for CTC")
        hidden = positive(match[5], "hidden units")
        return cls(CELLS[match[1]], DIRECTIONS[match[2]], axis, bool(match[4]), hidden)

    @property
    def directions(self) -> int:
        """Number of chains."""
        return 2 if self.direction == "both" else 1

    def after(self, maps: Maps) -> Maps:
        return Maps(self.directions * self.hidden, 1 if self.summarise else maps.height)

    def weights(self, maps: Maps) -> int:
        # Two biases for each unit of each gate, as torch has them; a Jordan network has one for each of its two layers.
        biases = 1 if self.cell == "mingru" else 2
        return self._matrices(maps) + self.directions * GATES[self.cell] * biases * self.hidden

    def multiplications(self, maps: Maps, columns: int) -> int:
        return maps.height * columns * self._matrices(maps)

    def _matrices(self, maps: Maps) -> int:
        sources = maps.channels + STATE_MATRICES[self.cell] * self.hidden
        return self.directions * GATES[self.cell] * self.hidden * sources


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout with probability `p`."""

    PATTERN = r"Do(\d*\.?\d+)"
    p: float

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        if not 0 <= float(match[1]) < 1:
            raise LayerError("a probability below 1 is expected")
        return cls(float(match[1]))


LAYERS: tuple[type[Layer], ...] = (
    Convolution,
    Residual,
    RecurrentConvolution,
    GatedRecurrentConvolution,
    MaxPool,
    Fold,
    Recurrent,
    Dropout,
)


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


def kernel_size(y: str, x: str) -> tuple[int, int]:
    """Return the size of a kernel.

    Raises:
        LayerError: a side is even.
    """
    if int(y) % 2 == 0 or int(x) % 2 == 0:
        raise LayerError("kernels must be odd, so that a column keeps its place")
    return int(y), int(x)


def positive(number: str, name: str) -> int:
    """Return a number of at least 1.

    Raises:
        LayerError: it is 0.
    """
    if int(number) < 1:
        raise LayerError(f"no {name}")
    return int(number)


def iterations_from(number: str, least: int) -> int:
    """Return the number of iterations of a recurrent convolution.

    Raises:
        LayerError: it is out of range.
    """
    if least and int(number) < least:
        raise LayerError("a gate without recurrence: at least 1 iteration is needed")
    if not least <= int(number) <= MAX_ITERATIONS:
        raise LayerError(f"{number} iterations; {least} to {MAX_ITERATIONS} are possible")
    return int(number)
