"""Torch and transformers as the commands use them: one thread, and no progress bars besides ours."""

from __future__ import annotations

import torch
from transformers.utils import logging

THREADS = 1
"""The models are small: a second thread makes an idle machine a third faster, but on a busy machine the two threads
wait for each other and everything takes ten times as long. One thread also gives equal bytes for equal seeds."""


def set_up_torch() -> None:
    """Set torch and transformers up. Call it before a model is loaded or trained."""
    torch.set_num_threads(THREADS)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
