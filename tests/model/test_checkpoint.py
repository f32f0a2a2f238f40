"""Model files: what is saved comes back, and what is broken is refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from hwr.errors import InputError, ModelError
from hwr.model.checkpoint import fill, load_model, load_weights, save_model
from hwr.model.files import METADATA_KEY
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build

SPEC = "[1,16,0,1 C3,3,4,2,2 R3,3,6 Mp2,2 Mp0,1 Lbx5 O1c6]"
INFO = ModelInfo(
    spec=SPEC, alphabet="aé😀ß字", height=16, normalisation="ink-moments", normalisation_version=1, stride=4, name="t"
)


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    made = build(SPEC, auxiliary=True)
    ink = torch.rand(2, 1, 16, 40)
    made(ink, torch.tensor([40, 21]))  # moves the running statistics
    return made.eval()


@pytest.fixture
def path(tmp_path: Path, network: Network) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, network.state_dict(), INFO, with_auxiliary=True)
    return path


def assert_refused(path: Path, says: str, error: type[InputError] = ModelError) -> None:
    with pytest.raises(error, match=says) as caught:
        load_model(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


class TestRoundTrip:
    def test_exact_in_fp32(self, path: Path, network: Network) -> None:
        loaded, info = load_model(path, auxiliary=True)
        assert info == INFO and not loaded.training
        for name, tensor in network.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], tensor), name
        ink, widths = torch.rand(2, 1, 16, 30), torch.tensor([30, 7])
        assert torch.equal(loaded(ink, widths), network(ink, widths))

    def test_kernels_in_fp16_are_rounded_to_11_bits(self, tmp_path: Path, path: Path, network: Network) -> None:
        half = tmp_path / "half.safetensors"
        save_model(half, network.state_dict(), INFO, half=True, with_auxiliary=True)
        with safe_open(half, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensor = file.get_tensor(name)
                kernel = torch.float16 if tensor.ndim > 1 else torch.float32
                assert tensor.dtype == (kernel if network.state_dict()[name].is_floating_point() else torch.int64)
        for name, tensor in load_weights(half).items():
            original = network.state_dict()[name]
            assert tensor.dtype == original.dtype
            # half a unit in the last of 11 places; below 2^-14 the numbers are 2^-24 apart
            exact = tensor.ndim <= 1
            torch.testing.assert_close(tensor, original, rtol=0 if exact else 2**-11, atol=0 if exact else 2**-25)
        ink = torch.rand(1, 1, 16, 30)
        assert (load_model(half)[0](ink) - network(ink)).abs().max() < 0.01
        assert half.stat().st_size < path.stat().st_size

    def test_what_is_loaded_is_not_what_was_given(self, path: Path, network: Network) -> None:
        before = load_weights(path)
        with torch.no_grad():
            network.output.weight.zero_()
        assert torch.equal(load_weights(path)["output.weight"], before["output.weight"])

    def test_views_and_bfloat16_become_plain_fp32(self, tmp_path: Path, network: Network) -> None:
        weights = network.state_dict()
        weights["output.weight"] = weights["output.weight"].T.contiguous().T.bfloat16()
        save_model(tmp_path / "m", weights, INFO)
        assert torch.equal(load_weights(tmp_path / "m")["output.weight"], weights["output.weight"].float())

    def test_ordinary_mode(self, tmp_path: Path, path: Path) -> None:
        (tmp_path / "plain").write_bytes(b"")
        assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


class TestAuxiliaryHead:
    def test_dropped_by_default(self, tmp_path: Path, network: Network) -> None:
        save_model(tmp_path / "m", network.state_dict(), INFO)
        assert not any(name.startswith("auxiliary.") for name in load_weights(tmp_path / "m"))
        assert load_model(tmp_path / "m")[0].auxiliary is None

    def test_starts_fresh_where_the_file_lacks_it(self, tmp_path: Path, network: Network) -> None:
        save_model(tmp_path / "m", network.state_dict(), INFO)
        loaded, _ = load_model(tmp_path / "m", auxiliary=True)
        assert loaded.auxiliary is not None and network.auxiliary is not None
        assert not torch.equal(loaded.auxiliary.weight, network.auxiliary.weight)
        assert torch.equal(loaded.output.weight, network.output.weight)

    def test_kept_when_asked_for_and_ignored_when_not(self, path: Path, network: Network) -> None:
        loaded, _ = load_model(path, auxiliary=True)
        assert loaded.auxiliary is not None and network.auxiliary is not None
        assert torch.equal(loaded.auxiliary.weight, network.auxiliary.weight)
        assert load_model(path)[0].auxiliary is None


class TestBadFiles:
    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ('\\"format_version\\": 1', '\\"format_version\\": 7', "model format 7 is unknown"),
            ('\\"licence\\"', '\\"license\\"', "unknown key 'license'"),
        ],
    )
    def test_metadata_of_another_version(self, path: Path, old: str, new: str, says: str) -> None:
        data = path.read_bytes()
        assert data.count(old.encode()) == 1
        path.write_bytes(data.replace(old.encode(), new.encode()))
        assert_refused(path, says)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"spec": "nonsense"}, "VGSL.*square brackets"),
            ({"spec": "[1,16,0,1 Q3 O1c6]"}, "VGSL: unknown layer 'Q3'"),
            ({"spec": "[1,16,0,1 C3,3,4 O1c6]"}, "16 rows are left"),
            ({"alphabet": "abc"}, "does not fit the alphabet"),
            ({"height": 32}, "does not fit the alphabet, height or stride"),
            ({"stride": 8}, "does not fit the alphabet, height or stride"),
            ({"spec": SPEC.replace("Lbx5", "Lbx6")}, r"weights do not fit.*layers\.4"),
            ({"spec": SPEC.replace("R3,3,6", "C3,3,6")}, r"weights do not fit.*layers\.1"),
            ({"spec": SPEC.replace("R3,3,6", "R3,3,6 Do0.1")}, r"weights do not fit"),
        ],
    )
    def test_facts_that_do_not_fit_the_weights(
        self, path: Path, network: Network, change: dict[str, str | int], says: str
    ) -> None:
        save_model(path, network.state_dict(), replace(INFO, **change))  # type: ignore[arg-type]
        assert_refused(path, says)

    def test_fill_changes_nothing_when_it_refuses(self, network: Network) -> None:
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        weights = {name: tensor + 1 for name, tensor in before.items()} | {"output.bias": torch.zeros(9)}
        with pytest.raises(ModelError, match=r"here: .*output\.bias"):
            fill(network, weights, "here")
        assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_file_is_an_ordinary_safetensors_file(path: Path) -> None:
    with safe_open(path, "np") as file:
        assert METADATA_KEY in file.metadata()
        assert file.get_tensor("output.weight").shape == (6, 10)
