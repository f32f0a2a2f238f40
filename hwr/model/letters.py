"""The letters of VGSL: each layer with its pattern, its effect on the maps, and its counts, without torch.

`hwr.model.vgsl` has the table of their meanings; the module of each is one entry of `hwr.model.network.MODULES`.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

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
"""Square matrices for each gate. A Jordan network has one more, for the output that it feeds back; minGRU has none."""
DIRECTIONS: dict[str, Direction] = {"f": "forward", "r": "reverse", "b": "both"}

MAX_ITERATIONS = 50


class LayerError(ValueError):
    """A layer cannot be built: the reason, without the layer's name."""


@dataclass(frozen=True)
class Maps:
    """Feature maps of a line: `channels` maps of `height` rows, of any width."""

    channels: int
    height: int


@dataclass(frozen=True)
class Layer(ABC):
    """A layer between input and output."""

    PATTERN: ClassVar[str]

    @property
    def stride_x(self) -> int:
        """Columns before the layer for one column after it."""
        return 1

    @classmethod
    @abstractmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        """Make the layer from a match of its pattern.

        Raises:
            LayerError: a number is out of range.
        """

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
class IteratedConvolution(Layer):
    """A convolution that sees its own output `iterations` times."""

    kernel: tuple[int, int]
    channels: int
    iterations: int
    norm: Norm = "batch"
    activation: Activation = "relu"

    def after(self, maps: Maps) -> Maps:
        return Maps(self.channels, maps.height)

    def multiplications(self, maps: Maps, columns: int) -> int:
        kernels = maps.channels + self.iterations * self.channels
        return maps.height * columns * self.channels * self._area * kernels

    @property
    def _area(self) -> int:
        return self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class RecurrentConvolution(IteratedConvolution):
    """The recurrent kernels are the same in each iteration; each has its own norm.

    With no iterations it is a `Convolution`. Each iteration widens the field of view by a kernel.
    """

    PATTERN = r"RC([binx]?)([rtsl]?)(\d+),(\d+),(\d+),(-?\d+)"

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        norm, activation, y, x, channels, iterations = match.groups()
        size = (kernel_size(y, x), positive(channels, "channels"), iterations_from(iterations, 0))
        return cls(*size, NORMS[norm or "b"], ACTIVATIONS[activation or "r"])

    def weights(self, maps: Maps) -> int:
        kernels = maps.channels + (self.channels if self.iterations else 0)
        norms = self.iterations + 1 if NORM_WEIGHTS[self.norm] > 1 else 1
        return self.channels * (self._area * kernels + norms * NORM_WEIGHTS[self.norm])


@dataclass(frozen=True)
class GatedRecurrentConvolution(IteratedConvolution):
    """A gate weights the recurrent term at each pixel.

    With `own` weights each iteration has recurrent kernels of its own.
    """

    PATTERN = r"GC(o?)([bin]?)([rtsl]?)(\d+),(\d+),(\d+),(-?\d+)"
    own: bool = False

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        own, norm, activation, y, x, channels, iterations = match.groups()
        size = (kernel_size(y, x), positive(channels, "channels"), iterations_from(iterations, 1))
        return cls(*size, NORMS[norm or "b"], ACTIVATIONS[activation or "r"], bool(own))

    def weights(self, maps: Maps) -> int:
        kernels = maps.channels + self.channels * (self.iterations if self.own else 1)
        # Of the input and of five terms of each iteration; without norms, a bias of the input and one of the gate.
        norms = 2 * (1 + 5 * self.iterations) if NORM_WEIGHTS[self.norm] > 1 else 2
        return self.channels * (self._area * kernels + norms)

    @property
    def _area(self) -> int:
        return super()._area + 1  # the gate's kernel of 1 x 1


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


def kernel_size(y: str, x: str) -> tuple[int, int]:
    """Return the size of a kernel.

    Raises:
        LayerError: a side is even.
    """
    if int(y) % 2 == 0 or int(x) % 2 == 0:
        raise LayerError("kernels must be odd, so that a column stays where it is")
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
