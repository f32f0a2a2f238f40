"""Line augmentation: the same line in every batch, in range, and each kind does what its name says."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.augmentation import KINDS, RARE, only
from hwr.errors import UsageError
from hwr.settings import from_dict
from hwr.train.augment.augment import augment
from hwr.train.augment.draws import LineDraws
from hwr.train.augment.options import AugmentOptions

HEIGHT = 48


def strokes(width: int, seed: int) -> Tensor:
    """A line of soft upright and level strokes, uint8 (HEIGHT, width), with two empty columns at each end."""
    generator = torch.Generator().manual_seed(seed)
    ink = torch.zeros((HEIGHT, width))
    for start in range(2, width - 9, 11):
        top, bottom = sorted(torch.randint(0, 43, (2,), generator=generator).tolist())
        ink[top : bottom + 4, start : start + 4] = int(torch.randint(150, 256, (1,), generator=generator))
        ink[bottom : bottom + 3, start : start + 7] = 200
    soft = torch.nn.functional.avg_pool2d(ink[None], 3, stride=1, padding=1)[0]
    soft[:, :2] = 0
    soft[:, -2:] = 0
    return soft.round().to(torch.uint8)


def batch_of(widths: list[int], padding: int = 0) -> tuple[Tensor, Tensor]:
    """Lines of these widths, zero padded, and their widths."""
    ink = torch.zeros((len(widths), HEIGHT, max(widths) + padding), dtype=torch.uint8)
    for number, width in enumerate(widths):
        ink[number, :, :width] = strokes(width, number)
    return ink, torch.tensor(widths)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from threads, and lose much where other work holds the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_line_is_the_same_alone_and_in_any_batch() -> None:
    widths = [30, 1, 517, 260, 900, 77, 333, 64]
    targets = torch.tensor([40, 3, 480, 300, 1003, 77, 300, 51])
    ink, sizes = batch_of(widths, padding=200)
    rounds = 8
    for round_number in range(rounds):
        seeds = torch.arange(len(widths)) * 7919 + round_number
        together = augment(ink, sizes, targets, seeds, AugmentOptions())
        for line, width in enumerate(widths):
            pick = slice(line, line + 1)
            alone = augment(ink[pick, :, :width], sizes[pick], targets[pick], seeds[pick], AugmentOptions())
            difference = (alone[0] - together[line, :, :, : int(targets[line])]).abs().max()
            assert difference < 1e-5, f"line {line} of width {width}, round {round_number}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone_is_the_same_in_a_batch(kind: str) -> None:
    widths = [120, 401, 33]
    targets = torch.tensor([131, 350, 40])
    ink, sizes = batch_of(widths)
    seeds = torch.tensor([5, 6, 7])
    options = only(kind)
    together = augment(ink, sizes, targets, seeds, options)
    for line, width in enumerate(widths):
        pick = slice(line, line + 1)
        alone = augment(ink[pick, :, :width], sizes[pick], targets[pick], seeds[pick], options)
        assert (alone[0] - together[line, :, :, : int(targets[line])]).abs().max() < 1e-5


def test_threads_do_not_matter() -> None:
    ink, sizes = batch_of([600, 580, 590, 610, 300, 512])
    targets = torch.full((6,), 590)
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append([augment(ink, sizes, targets, torch.arange(6) + 100 * k, AugmentOptions()) for k in range(3)])
        assert torch.get_num_threads() == threads
    for one, two in zip(*results, strict=True):
        assert (one - two).abs().max() < 1e-5


def test_seeds_make_lines_differ() -> None:
    ink, sizes = batch_of([200])
    seen = [augment(ink, sizes, sizes, torch.tensor([seed]), AugmentOptions()) for seed in (0, 1, -1, 2**62)]
    for first in range(len(seen)):
        for second in range(first):
            assert (seen[first] - seen[second]).abs().mean() > 1e-3


@pytest.mark.parametrize("target", [200, 260, 160, 333])
def test_strength_zero_is_a_linear_resize(target: int) -> None:
    ink, sizes = batch_of([200], padding=37)
    plain = augment(ink, sizes, torch.tensor([target]), torch.tensor([3]), AugmentOptions(strength=0.0))
    line = ink[:, None, :, :200].float() / 255.0
    expected = interpolate(line, size=(HEIGHT, target), mode="bilinear", align_corners=False)
    # Positions are kept to 1/4096 pixel.
    assert (plain - expected).abs().max() < 1e-3


def test_right_of_the_target_width_is_zero() -> None:
    ink, sizes = batch_of([300, 120, 20])
    targets = torch.tensor([310, 100, 24])
    for kind in KINDS:
        result = augment(ink, sizes, targets, torch.tensor([1, 2, 3]), only(kind))
        assert result.shape == (3, 1, HEIGHT, 310)
        for line, target in enumerate(targets.tolist()):
            assert not result[line, :, :, target:].any(), kind


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_lines_and_keeps_the_range(kind: str) -> None:
    count = 24
    ink, sizes = batch_of([220] * count)
    plain = augment(ink, sizes, sizes, torch.arange(count), AugmentOptions(strength=0.0))
    result = augment(ink, sizes, sizes, torch.arange(count), only(kind))
    assert bool(torch.isfinite(result).all())
    assert float(result.min()) >= 0.0 and float(result.max()) <= 1.0
    changed = (result - plain).abs().amax(dim=(1, 2, 3)) > 0.02
    # Some draws hardly change a line (a cut of no row, faint noise), most do.
    assert int(changed.sum()) >= count // 2


@pytest.mark.parametrize("kind", RARE)
def test_probability_nought_leaves_lines_alone(kind: str) -> None:
    ink, sizes = batch_of([150, 150])
    plain = augment(ink, sizes, sizes, torch.arange(2), AugmentOptions(strength=0.0))
    result = augment(ink, sizes, sizes, torch.arange(2), only(kind, probability=0.0))
    assert torch.equal(result, plain)


@pytest.mark.parametrize(
    ("width", "target"), [(1, 1), (1, 40), (2, 1), (40, 1), (3000, 3000), (3000, 900), (700, 5000)]
)
def test_extreme_widths(width: int, target: int) -> None:
    ink = torch.full((2, HEIGHT, width), 200, dtype=torch.uint8)
    sizes, targets = torch.full((2,), width), torch.full((2,), target)
    for seed in range(3):
        result = augment(ink, sizes, targets, torch.tensor([seed, seed + 50]), AugmentOptions())
        assert result.shape == (2, 1, HEIGHT, target)
        assert bool(torch.isfinite(result).all())
        assert float(result.min()) >= 0.0 and float(result.max()) <= 1.0


def test_a_strongly_shrunk_line_keeps_its_ink() -> None:
    ink = torch.zeros((1, HEIGHT, 1600), dtype=torch.uint8)
    ink[:, :, ::8] = 240  # plain bilinear sampling of every fourth column would find all or nothing
    sizes, targets = torch.tensor([1600]), torch.tensor([400])
    result = augment(ink, sizes, targets, torch.tensor([0]), AugmentOptions(strength=0.0))
    assert float(result[..., 10:-10].mean()) == pytest.approx(240 / 255 / 8, rel=0.1)


def stroke_columns(picture: Tensor) -> Tensor:
    """The mean column of the ink in each row, (rows,)."""
    rows = picture[0, 0]
    columns = torch.arange(rows.shape[1], dtype=torch.float32)
    return (rows * columns).sum(dim=1) / rows.sum(dim=1)


def test_shear_slants_a_vertical_stroke_by_its_tangent() -> None:
    ink = torch.zeros((1, HEIGHT, 200), dtype=torch.uint8)
    ink[:, :, 99:101] = 255
    sizes = torch.tensor([200])
    options = only("shear")
    slants = []
    rows = torch.arange(HEIGHT, dtype=torch.float32) - 23.5
    for seed in range(200):
        columns = stroke_columns(augment(ink, sizes, sizes, torch.tensor([seed]), options))
        tangent = float((columns * rows).sum() / (rows * rows).sum())
        assert float(columns.mean()) == pytest.approx(99.5, abs=0.1)  # about the middle
        assert float((columns - 99.5 - tangent * rows).abs().max()) < 0.15  # straight
        slants.append(-tangent)  # to the right going up
    tangents = torch.tensor(slants)
    assert float(tangents.abs().max()) <= 0.351
    assert float(tangents.min()) < -0.3 and float(tangents.max()) > 0.3
    assert abs(float(tangents.mean())) < 0.05
    only_right = LineDraws(torch.arange(200)).signed("shear", 0.35)
    assert float((tangents - torch.from_numpy(only_right)).abs().max()) < 0.01  # a positive shear leans to the right
    assert float(tangents.std()) == pytest.approx(0.35 / 3**0.5, rel=0.15)  # uniform


def level_stroke_rows(kind: str, count: int) -> Tensor:
    """Where `kind` moves a level stroke in the middle of the line: its mean row in each column, (count, columns)."""
    ink = torch.zeros((count, HEIGHT, 800), dtype=torch.uint8)
    ink[:, 23:25, :] = 255
    sizes = torch.full((count,), 800)
    result = augment(ink, sizes, sizes, torch.arange(count), only(kind))[:, 0]
    rows = torch.arange(HEIGHT, dtype=torch.float32)[:, None]
    return (result * rows).sum(dim=1) / result.sum(dim=1)


@pytest.mark.parametrize("kind", ["height", "rotation", "perspective", "wander"])
def test_the_line_stays_near_the_middle(kind: str) -> None:
    assert float((level_stroke_rows(kind, 30) - 23.5).abs().max()) < 8.0


def test_rotation_turns_about_the_middle_as_far_as_the_height_allows() -> None:
    rows = level_stroke_rows("rotation", 60)
    assert float((rows[:, 400] - 23.5).abs().max()) < 0.3
    rise = (rows[:, -2] - rows[:, 1]) / 2.0
    # 1.5 degrees would be 10.5 rows at the ends of 800 columns: the limit of 4 rows holds.
    assert float(rise.max()) > 3.0 and float(rise.min()) < -3.0 and float(rise.abs().max()) < 4.1


def test_geometry_keeps_the_order_of_columns() -> None:
    """A ramp along the line stays a ramp: letters never fold over each other."""
    width = 512
    ink = torch.linspace(1, 255, width).round().to(torch.uint8)[None, None].repeat(1, HEIGHT, 1)
    sizes = torch.tensor([width])
    for kind in ("grid", "perspective", "elastic"):
        for seed in range(20):
            result = augment(ink, sizes, sizes, torch.tensor([seed]), only(kind))
            ramp = result[0, 0, 12:36, 8 : width - 8]
            assert float((ramp[:, 4:] - ramp[:, :-4]).min()) > 0.0, kind


def test_letters_do_not_vanish() -> None:
    """Under all kinds together, ink stands out from paper wherever there was a stroke."""
    count = 64
    ink = torch.zeros((count, HEIGHT, 240), dtype=torch.uint8)
    ink[:, 14:36, 60:63] = 220
    ink[:, 14:36, 180:183] = 220
    sizes = torch.full((count,), 240)
    faint = 0
    for start in range(0, 256, count):
        result = augment(ink, sizes, sizes, torch.arange(count) + start, AugmentOptions())[:, 0]
        for half in (result[:, 14:36, 30:90], result[:, 14:36, 150:210]):
            profile = half.mean(dim=1)
            faint += int((profile.amax(dim=1) - profile.median(dim=1).values < 0.1).sum())
    assert faint <= 512 * 0.02


def test_erosion_thins_and_dilation_thickens() -> None:
    ink, sizes = batch_of([200] * 8)
    plain = augment(ink, sizes, sizes, torch.arange(8), AugmentOptions(strength=0.0))
    thin = augment(ink, sizes, sizes, torch.arange(8), only("erode"))
    thick = augment(ink, sizes, sizes, torch.arange(8), only("dilate"))
    # Eroded strokes are as dark as before, but cover less; dilated ones cover more.
    mass = [picture.mean(dim=(1, 2, 3)) for picture in (thin, plain, thick)]
    assert bool((mass[0] < 0.97 * mass[1]).all()) and bool((mass[1] < 0.97 * mass[2]).all())


def test_binarisation_leaves_hardly_any_grey() -> None:
    ink, sizes = batch_of([200] * 8)
    soft = only("blur")
    options = replace(soft, binarise_probability=1.0)
    grey = []
    for chosen in (soft, options):
        result = augment(ink, sizes, sizes, torch.arange(8), chosen)
        grey.append(float(((result > 0.05) & (result < 0.95)).float().mean()))
    assert grey[1] < 0.3 * grey[0]


def test_unknown_and_impossible_options_are_errors() -> None:
    with pytest.raises(TypeError):
        AugmentOptions(sheer=0.2)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="sheer"):
        from_dict(AugmentOptions, {"sheer": 0.2}, "augment")
    with pytest.raises(UsageError, match="blur_sigma"):
        from_dict(AugmentOptions, {"blur_sigma": 1.0}, "augment")
    with pytest.raises(UsageError, match="shear"):
        from_dict(AugmentOptions, {"shear": [0.1, 0.2]}, "augment")
    with pytest.raises(UsageError, match="noise_probability"):
        AugmentOptions(noise_probability=1.5)
    with pytest.raises(UsageError, match="blur_sigma"):
        AugmentOptions(blur_sigma=(2.0, 1.0))
    given = from_dict(AugmentOptions, {"shear": 0.2, "blur_sigma": [0.1, 0.2], "strength": 1}, "augment")
    assert given == AugmentOptions(shear=0.2, blur_sigma=(0.1, 0.2))


def test_wrong_tensors_are_errors() -> None:
    ink, sizes = batch_of([50, 60])
    seeds = torch.arange(2)
    with pytest.raises(ValueError, match="uint8"):
        augment(ink.float(), sizes, sizes, seeds, AugmentOptions())
    with pytest.raises(ValueError, match="seeds"):
        augment(ink, sizes, sizes, seeds[:1], AugmentOptions())
    with pytest.raises(ValueError, match="widths"):
        augment(ink, sizes + 100, sizes, seeds, AugmentOptions())
    with pytest.raises(ValueError, match="widths"):
        augment(ink, sizes, sizes * 0, seeds, AugmentOptions())
    with pytest.raises(ValueError, match="empty"):
        augment(ink[:0], sizes[:0], sizes[:0], seeds[:0], AugmentOptions())


@pytest.mark.gpu
def test_cuda_gives_what_the_cpu_gives() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    ink, sizes = batch_of([300, 250, 280, 120])
    targets = torch.tensor([310, 230, 300, 120])
    for kind in KINDS:
        options = only(kind)
        here = augment(ink, sizes, targets, torch.arange(4), options)
        there = augment(ink.cuda(), sizes, targets, torch.arange(4), options)
        assert (here - there.cpu()).abs().max() < 2e-3, kind
