"""Which arithmetic a processor gets."""

from __future__ import annotations

import pytest

from untilclick.rewriter.serving import arithmetic
from untilclick.rewriter.serving.arithmetic import compute_type, int8_overflows

INTEL = "vendor_id : GenuineIntel\nflags : fpu avx2\n"
AMD = "vendor_id : AuthenticAMD\nflags : fpu avx avx2\n"
NEWER_AMD = "vendor_id : AuthenticAMD\nflags : fpu avx2 avx512_vnni\n"


@pytest.mark.parametrize(
    ("machine", "cpu_info", "overflows"),
    [
        ("x86_64", INTEL, False),
        ("x86_64", AMD, True),
        ("x86_64", NEWER_AMD, False),
        ("AMD64", "", True),
        ("aarch64", "", False),
        ("arm64", "Features : asimddp", False),
    ],
)
def test_int8_products_overflow_on_x86_without_vnni_and_mkl(machine, cpu_info, overflows):
    assert int8_overflows(machine, cpu_info) == overflows


@pytest.mark.parametrize(("cpu_info", "expected"), [(INTEL, "default"), (AMD, "float32")])
def test_float32_takes_the_place_of_products_that_overflow(tmp_path, monkeypatch, cpu_info, expected):
    (tmp_path / "cpuinfo").write_text(cpu_info)
    monkeypatch.setattr(arithmetic, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "x86_64")
    compute_type.cache_clear()
    try:
        assert compute_type() == expected
    finally:
        compute_type.cache_clear()
