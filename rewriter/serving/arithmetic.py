"""The arithmetic in which a bundle's model computes on this processor.

CTranslate2 multiplies int8 numbers by Intel's MKL on Intel's processors and by oneDNN on others. On x86 without VNNI
instructions oneDNN adds pairs of products in 16 bits, which overflow (oneDNN developer guide, "Nuances of int8
computations"): up to .12 of the probability of added terms has moved to others. There the int8 weights are expanded
once and computed with in float32, which takes twice the time of int8; MKL, which `CT2_USE_MKL=1` forces, takes ten
times. Sentence encoders stay in int8: their vectors have a cosine of .998 to those of float32 by either library.
docs/experiments.md has the figures.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
X86 = frozenset({"x86_64", "amd64", "i686"})


@cache
def compute_type() -> str:
    """`default`, the arithmetic of the stored weights, or `float32` where int8 products would overflow."""
    text = CPU_INFO.read_text(encoding="utf-8", errors="replace") if CPU_INFO.is_file() else ""
    return "float32" if int8_overflows(platform.machine(), text) else "default"


def int8_overflows(machine: str, cpu_info: str) -> bool:
    """Whether int8 products may overflow, by the architecture's name and the content of `/proc/cpuinfo`.

    True for an x86 processor of which nothing is known, as on Windows and macOS.
    """
    if machine.lower() not in X86:
        return False
    return "GenuineIntel" not in cpu_info and "vnni" not in cpu_info
