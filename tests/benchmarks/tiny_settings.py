"""Settings that make a whole training small enough for the test of a benchmark."""

from __future__ import annotations

TINY = (
    "policy.d_model=16",
    "policy.d_kv=4",
    "policy.d_ff=16",
    "base.steps=3",
    "warm_start.epochs=1",
    "ppo.iterations=1",
)
SET_TINY = [word for setting in TINY for word in ("--set", setting)]
"""The same as options of a command."""
