"""Torch and transformers as the commands use them: one thread, no chatter."""

from __future__ import annotations

THREADS = 1
"""The models are small: a second thread gains a third on an idle machine, and on a busy one the two wait for each
other and everything takes ten times as long. One thread also gives equal bytes for equal seeds."""


def set_up_torch() -> None:
    """Call before anything is trained or loaded. Raises ModuleNotFoundError where torch is not installed."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(THREADS)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
