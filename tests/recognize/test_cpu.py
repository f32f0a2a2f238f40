"""What is known about the CPU."""

import platform
from pathlib import Path

import pytest

from hwr.recognize.runtimes import cpu

ZEN4 = "flags\t\t: fpu sse2 avx2 avx512f avx512_vnni avx512_bf16"
ALDER_LAKE = "flags\t\t: fpu sse2 avx2 avx_vnni"
HASWELL = "flags\t\t: fpu sse2 fma avx avx2"
NEOVERSE = "Features\t: fp asimd evtstrm aes atomics asimddp"
CORTEX_A72 = "Features\t: fp asimd evtstrm aes"


@pytest.mark.parametrize(
    ("text", "expected"), [(ZEN4, True), (ALDER_LAKE, True), (HASWELL, False), (NEOVERSE, True), (CORTEX_A72, False)]
)
def test_flags_of_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{text}\nbugs\t\t: none\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert cpu.has_dot_product() is expected


def test_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "none")
    for system, machine, expected in (
        ("Darwin", "arm64", True),
        ("Darwin", "x86_64", False),
        ("Windows", "AMD64", False),
    ):
        monkeypatch.setattr(platform, "system", lambda name=system: name)
        monkeypatch.setattr(platform, "machine", lambda name=machine: name)
        assert cpu.has_dot_product() is expected


def test_available_cores() -> None:
    assert cpu.available_cores() >= 1
