"""Precision and memory of the device."""

import ctypes
import os
from pathlib import Path

import pytest
import torch

from hwr.train.device import Device, choose_device, hardware, has_bf16_units, return_free_memory
from hwr.train.processes import Processes

CPU = torch.device("cpu")


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_free_memory_goes_back_to_the_system() -> None:
    """120 MiB in pieces of 60 KB, freed but for each fortieth, stay with the C library until it is asked."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        pytest.skip("not glibc")
    pieces = [bytearray(b"x" * 60_000) for _ in range(2000)]
    kept = pieces[::40]
    del pieces
    before = resident_mib()
    return_free_memory()
    assert len(kept) == 50 and before - resident_mib() > 60


def test_another_c_library_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert return_free_memory() is None


def test_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for units, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("hwr.train.device.has_bf16_units", lambda device, units=units: units)
        assert choose_device("auto") == Device(CPU, precision)
    assert choose_device("fp32").precision == "fp32" and choose_device("bf16").precision == "bf16"


@pytest.mark.parametrize(("threads", "processes", "each"), [(6, 2, 3), (2, 2, 1), (1, 2, 1), (3, 1, 3), (0, 2, None)])
def test_threads_are_those_of_all_processes(
    monkeypatch: pytest.MonkeyPatch, threads: int, processes: int, each: int | None
) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    choose_device("fp32", threads, Processes(0, processes, 0, processes))
    assert given == ([] if each is None else [each])


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("fp32", 0, Processes(5, 8, 1, 4)).device == torch.device("cuda", 1)


def test_hardware_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nmodel name\t: Fast 9000\nflags\t\t: fpu\n", encoding="utf-8")
    monkeypatch.setattr("builtins.open", lambda path, encoding, opened=open: opened(file, encoding=encoding))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert hardware(Device(CPU, "bf16")) == "x86_64, 1 thread, cpu (Fast 9000)"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert hardware(Device(CPU, "bf16"), Processes(1, 2)) == "x86_64, 2 processes of 4 threads, cpu (Fast 9000)"
    file.unlink()
    assert hardware(Device(CPU, "bf16")) == "x86_64, 4 threads, cpu"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card 7")
    assert hardware(Device(torch.device("cuda", 0), "bf16")).endswith("4 threads, cuda (Card 7)")


@pytest.mark.parametrize(
    ("flags", "capability", "units"),
    [
        ("fpu avx512f avx512_bf16", "AVX512", True),
        ("fpu avx512f amx_bf16", "AVX512", True),
        ("fpu avx512f", "AVX512", False),
        ("fpu avx512f avx512_bf16", "AVX2", False),  # torch was told to use less
        (None, "AVX512", False),
    ],
)
def test_bf16_units(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str | None, capability: str, units: bool
) -> None:
    file = tmp_path / "cpuinfo"
    if flags is not None:
        file.write_text(f"processor : 0\nflags\t\t: {flags}\n", encoding="utf-8")
    monkeypatch.setattr("builtins.open", lambda path, encoding, opened=open: opened(file, encoding=encoding))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert has_bf16_units(CPU) is units


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_autocast(precision: str, kind: torch.dtype) -> None:
    with Device(CPU, precision).autocast():
        assert (torch.ones(4, 4) @ torch.ones(4, 4)).dtype == kind
