"""The VGSL parser, against the table of its vocabulary."""

import pytest

from hwr.errors import ModelError
from hwr.model.letters import (
    Convolution,
    Dropout,
    Fold,
    GatedRecurrentConvolution,
    MaxPool,
    Recurrent,
    RecurrentConvolution,
    Residual,
)
from hwr.model.vgsl import parse


def layer_of(token: str) -> object:
    """Return the only layer of a network before the height ends."""
    return parse(f"[1,48,0,1 {token} Mp0,1 O1c5]").layers[0]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("C3,5,32", Convolution((3, 5), 32, (1, 1), "batch", "relu")),
        ("C3,5,32,2,4", Convolution((3, 5), 32, (2, 4), "batch", "relu")),
        ("Cb3,3,8", Convolution((3, 3), 8, (1, 1), "batch", "relu")),
        ("Ci3,3,8", Convolution((3, 3), 8, (1, 1), "instance", "relu")),
        ("Cn3,3,8", Convolution((3, 3), 8, (1, 1), "none", "relu")),
        ("Cr3,3,8", Convolution((3, 3), 8, (1, 1), "batch", "relu")),
        ("Ct3,3,8", Convolution((3, 3), 8, (1, 1), "batch", "tanh")),
        ("Cs3,3,8", Convolution((3, 3), 8, (1, 1), "batch", "sigmoid")),
        ("Cnl1,1,8", Convolution((1, 1), 8, (1, 1), "none", "linear")),
        ("R3,3,8", Residual((3, 3), 8, "batch", "relu")),
        ("Rit3,1,8", Residual((3, 1), 8, "instance", "tanh")),
        ("Mp2,3", MaxPool((2, 3), (2, 3))),
        ("Mp3,3,2,1", MaxPool((3, 3), (2, 1))),
        ("Mp0,1", MaxPool((0, 1), (0, 1))),
        ("S1(1x0)1,3", Fold()),
        ("Cx3,3,8", Convolution((3, 3), 8, (1, 1), "response", "relu")),
        ("RC3,3,8,3", RecurrentConvolution((3, 3), 8, 3, "batch", "relu")),
        ("RCxt3,5,8,0", RecurrentConvolution((3, 5), 8, 0, "response", "tanh")),
        ("GC3,3,8,5", GatedRecurrentConvolution((3, 3), 8, 5, "batch", "relu", own=False)),
        ("GCoil3,3,8,1", GatedRecurrentConvolution((3, 3), 8, 1, "instance", "linear", own=True)),
        ("Lby8", Recurrent("lstm", "both", "y", False, 8)),
        ("Gfy8", Recurrent("gru", "forward", "y", False, 8)),
        ("Jby8", Recurrent("jordan", "both", "y", False, 8)),
        ("Lbx8", Recurrent("lstm", "both", "x", False, 8)),
        ("Nrys8", Recurrent("rnn", "reverse", "y", True, 8)),
        ("Do0.25", Dropout(0.25)),
        ("Do.5", Dropout(0.5)),
        ("Do0", Dropout(0.0)),
        ("C{first}3,3,8", Convolution((3, 3), 8, (1, 1), "batch", "relu")),
    ],
)
def test_each_layer(token: str, expected: object) -> None:
    assert layer_of(token) == expected


@pytest.mark.parametrize(
    ("token", "cell"), [("Lbx9", "lstm"), ("Gbx9", "gru"), ("Nbx9", "rnn"), ("Jbx9", "jordan"), ("Mbx9", "mingru")]
)
def test_recurrent_along_x(token: str, cell: str) -> None:
    assert parse(f"[1,48,0,1 Mp0,1 {token} O1c5]").layers[1] == Recurrent(cell, "both", "x", False, 9)  # type: ignore[arg-type]


def test_whole_specification() -> None:
    parsed = parse("  [1,40,0,1 C3,3,8,2,2\n Mp0,1\tDo0.1 Lrx7 O1c99]  ")
    assert (parsed.height, parsed.classes, len(parsed.layers)) == (40, 99, 4)


@pytest.mark.parametrize(
    ("layers", "stride"),
    [
        ("Mp0,1", 1),
        ("C3,3,4,2,2 Mp0,1", 2),
        ("C3,3,4,2,3 Mp2,2 Mp3,3,2,1 Mp0,1", 6),
        ("C3,3,4,1,4 R3,3,4 Mp0,2", 8),
        ("Mp48,4", 4),
    ],
)
def test_stride(layers: str, stride: int) -> None:
    assert parse(f"[1,48,0,1 {layers} O1c5]").stride == stride


@pytest.mark.parametrize(
    "token",
    [
        "X3,3,8",
        "C3,3",
        "C2,3,8",
        "C3,4,8",
        "C3,3,0",
        "C3,3,8,0,1",
        "C3,3,8,2",
        "Cz3,3,8",
        "R3,3,8,2,2",
        "Mp2,0",
        "Mp2,2,0,1",
        "Mp2,2,1,00",
        "Mp49,1",
        "Lqx8",
        "Lbx0",
        "Lbz8",
        "Lbxs8",
        "RC3,3,8",
        "RC2,3,8,1",
        "RC3,3,0,1",
        "RC3,3,8,-1",
        "RC3,3,8,51",
        "GC3,3,8,0",
        "GC3,3,8,-1",
        "GCx3,3,8,2",
        "GC3,3,0,2",
        "Rx3,3,8",
        "Do1.0",
        "Do1.5",
        "S1(2x0)1,3",
        "O1c5",
        "c3,3,8",
    ],
)
def test_errors_name_the_layer(token: str) -> None:
    with pytest.raises(ModelError) as caught:
        layer_of(token)
    assert repr(token) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,48,0,1 Mp0,1 O1c5", "square brackets"),
        ("", "square brackets"),
        ("[]", "an input, layers and an output"),
        ("[1,48,0,1 O1c5]", "an input, layers and an output"),
        ("[1,48,0,3 Mp0,1 O1c5]", "1,48,0,3"),
        ("[1,4,0,1 Mp0,1 O1c5]", "1,4,0,1"),
        ("[1,48,200,1 Mp0,1 O1c5]", "1,48,200,1"),
        ("[Mp0,1 Mp0,1 O1c5]", "Mp0,1"),
        ("[1,48,0,1 Mp0,1 O1c1]", "O1c1"),
        ("[1,48,0,1 Mp0,1 O1s5]", "O1s5"),
        ("[1,48,0,1 Mp0,1 Lbx5]", "Lbx5"),
        ("[1,48,0,1 Mp0,1 O1c5 Lbx5]", "output 'Lbx5'"),
        ("[1,2000,0,1 Mp0,1 O1c5]", "1,2000,0,1"),
        ("[1,48,0,1 Mp0,1 Lbx99999999 O1c5]", "the number 99999999... is too large"),
        ("[1,48,0,1 Mp0,1 O1c" + "9" * 5000 + "]", "the number 99999999999999999999... is too large"),
        ("[1,48,0,1 Mp0,1 Lbx99999 O1c5]", "80,001,799,979 weights; at most 500,000,000 are possible"),
    ],
)
def test_other_errors(text: str, says: str) -> None:
    with pytest.raises(ModelError, match=says.replace("[", r"\[")):
        parse(text)


@pytest.mark.parametrize(
    ("layers", "rows"),
    [
        ("C3,3,4", 48),
        ("C3,3,4,2,2", 24),
        ("Mp2,2", 24),
        ("Mp5,2", 9),
        ("Mp3,3,2,2", 23),
        ("Lby4", 48),
        ("Do0.1", 48),
        ("Lby4 Lbx4", 48),
        ("RC3,3,4,2", 48),
    ],
)
def test_rows_that_are_left_are_counted(layers: str, rows: int) -> None:
    with pytest.raises(ModelError, match=f"{rows} rows are left"):
        parse(f"[1,48,0,1 {layers} O1c5]")


@pytest.mark.parametrize("layers", ["Mp0,1", "S1(1x0)1,3", "Lfys4", "Mp48,1", "C3,3,4,48,1", "Mp2,1 Mp3,1 Mp8,1"])
def test_one_row_is_left(layers: str) -> None:
    assert parse(f"[1,48,0,1 {layers} Lbx4 O1c5]").classes == 5


@pytest.mark.parametrize(("layers", "rows"), [("C3,3,4,2,2", 25), ("C3,3,4,4,1 C3,3,4,2,2", 7), ("C5,5,4,3,3", 17)])
def test_a_strided_convolution_rounds_odd_heights_up(layers: str, rows: int) -> None:
    with pytest.raises(ModelError, match=f": {rows} rows are left"):
        parse(f"[1,49,0,1 {layers} O1c5]")


def test_multiplications_by_hand() -> None:
    """A line of 39 columns, 48 rows; 8 kernels of 9 at 24 x 20; an LSTM of 16 on 8 x 12 maps, both ways."""
    convolution = 24 * 20 * 8 * 9
    recurrent = 10 * 2 * 4 * 16 * (12 * 8 + 16)
    output = 10 * 32 * 5
    parsed = parse("[1,48,0,1 C3,3,8,2,2 Mp2,2 S1(1x0)1,3 Lbx16 O1c5]")
    assert parsed.multiplications(39) == parsed.multiplications(40) == convolution + recurrent + output


def test_multiplications_of_a_residual_block_by_hand() -> None:
    block = 16 * 40 * (9 * 1 * 6 + 9 * 6 * 6 + 1 * 6)
    assert parse("[1,16,0,1 R3,3,6 Mp0,1 O1c5]").multiplications(40) == block + 40 * 6 * 5


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("RC3,3,8,-1", "-1 iterations; 0 to 50 are possible"),
        ("GC3,3,8,0", "a gate without recurrence: at least 1 iteration is needed"),
    ],
)
def test_iterations_out_of_range(token: str, says: str) -> None:
    with pytest.raises(ModelError, match=f"VGSL: '{token}': {says}"):
        layer_of(token)


def test_multiplications_of_recurrent_layers_by_hand() -> None:
    """On 16 x 10 places of 1 map: kernels of 9 to 4 maps; the gate's of 1; sequences of 16 rows."""
    output = 10 * 4 * 5
    rcl = 160 * 4 * 9 * (1 + 3 * 4)
    grcl = 160 * 4 * (9 + 1) * (1 + 2 * 4)
    jordan = 16 * 10 * 2 * 4 * (1 + 4 + 4)
    mingru = 16 * 10 * 2 * 2 * 4 * 1
    assert parse("[1,16,0,1 RC3,3,4,3 Mp0,1 O1c5]").multiplications(10) == rcl + output
    assert parse("[1,16,0,1 GCo3,3,4,2 Mp0,1 O1c5]").multiplications(10) == grcl + output
    assert parse("[1,16,0,1 Jbx4 Mp0,1 O1c5]").multiplications(10) == jordan + 10 * 8 * 5
    assert parse("[1,16,0,1 Mbx4 Mp0,1 O1c5]").multiplications(10) == mingru + 10 * 8 * 5
