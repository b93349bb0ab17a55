"""Torch and transformers as the commands use them: few threads, no chatter."""

from __future__ import annotations

import os

MAX_THREADS = 2
"""More make small models slower."""


def set_up_torch() -> None:
    """Call before anything is trained or loaded. Raises ModuleNotFoundError where torch is not installed."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(min(MAX_THREADS, os.cpu_count() or 1))
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
