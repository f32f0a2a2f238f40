"""Where a run computes, and with how many bits."""

import ctypes
from contextlib import suppress
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Device:
    """A torch device and the precision of its matrix products."""

    device: torch.device
    precision: str

    def autocast(self) -> torch.autocast:
        """A context in which convolutions and matrix products run in bf16, or in fp32 as they are."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def choose_device(precision: str, threads: int = 0) -> Device:
    """CUDA where there is a card, else the CPU; bf16 where `precision` is auto and there are units for it.

    Args:
        precision: auto, bf16 or fp32.
        threads: CPU threads; 0 leaves the library's choice.
    """
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if precision == "auto":
        precision = "bf16" if has_bf16_units(device) else "fp32"
    return Device(device, precision)


def has_bf16_units(device: torch.device) -> bool:
    """True where bf16 products are faster than fp32: AVX-512 BF16, AMX, or a CUDA card that says so."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512") and _cpu_flag("avx512_bf16", "amx_bf16"))


def _cpu_flag(*wanted: str) -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return any(flag in flags for flag in wanted)


def return_free_memory() -> None:
    """Give memory that is free, but held by the C library, back to the system; only glibc can.

    Batches of ever new widths leave holes of ever new sizes in the heap: without this, a run of the preset `small`
    holds gigabytes after an hour, with 70 MB of live tensors.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
