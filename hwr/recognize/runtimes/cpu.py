"""Capabilities of the CPU of this machine."""

import os
import platform
from pathlib import Path

DOT_PRODUCT = {"avx512_vnni", "avx_vnni", "asimddp"}
"""Flags of Linux for instructions that sum products of eight-bit numbers: VNNI of x86, the dot product of ARM."""

CPUINFO = Path("/proc/cpuinfo")


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_dot_product() -> bool:
    """Return whether the CPU is known to multiply eight-bit numbers faster than floating-point ones."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"  # every one of Apple's has them
    try:
        text = CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return not DOT_PRODUCT.isdisjoint(text.split())
