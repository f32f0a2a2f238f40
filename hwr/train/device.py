"""The device and the precision that a run computes with."""

import ctypes
import platform
from contextlib import suppress
from dataclasses import dataclass

import torch

from hwr.train.processes import ALONE, Processes


@dataclass(frozen=True)
class Device:
    """A torch device and the precision of its matrix products."""

    device: torch.device
    precision: str

    def autocast(self) -> torch.autocast:
        """Return a context in which convolutions and matrix products run in bf16, or in fp32 as they are."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def choose_device(precision: str, threads: int = 0, processes: Processes = ALONE) -> Device:
    """Choose CUDA if there is a GPU, else the CPU; with `precision` auto, bf16 if there are units for it.

    Args:
        precision: auto, bf16 or fp32.
        threads: CPU threads of all processes on this machine together; 0: torch decides.
        processes: each uses a GPU of its own.
    """
    if threads:
        torch.set_num_threads(max(1, threads // processes.local_count))
    device = torch.device("cuda", processes.local_rank) if torch.cuda.is_available() else torch.device("cpu")
    if precision == "auto":
        precision = "bf16" if has_bf16_units(device) else "fp32"
    return Device(device, precision)


def has_bf16_units(device: torch.device) -> bool:
    """Return whether bf16 products are faster than fp32: AVX-512 BF16, AMX, or a GPU that says so."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = {"avx512_bf16", "amx_bf16"} & set(_cpu_line("flags").split())
    return bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512") and flags)


def _cpu_line(name: str) -> str:
    """Return what the system says about the first processor under this name; empty if nothing."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith(name)), "")
    except OSError:
        return ""


def hardware(device: Device, processes: Processes = ALONE) -> str:
    """Describe the machine: processor or GPU, processes, threads of each."""
    many = f"{processes.count} processes of " if processes.count > 1 else ""
    threads = torch.get_num_threads()
    computes = f"{many}{threads} thread{'s' if threads > 1 else ''}, {device.device.type}"
    if device.device.type == "cuda":
        return f"{platform.machine()}, {computes} ({torch.cuda.get_device_name(device.device)})"
    model = _cpu_line("model name")
    return f"{platform.machine()}, {computes}" + (f" ({model})" if model else "")


def return_free_memory() -> None:
    """Return memory that the C library holds but does not use to the system; only glibc can.

    Batches of many widths leave holes of many sizes in the heap: without this, a run of the preset `small` holds
    gigabytes after an hour, with 70 MB of live tensors.
    """
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
