"""The key by which a later call recognises that a step of its own settings and data was finished before."""

from __future__ import annotations

import hashlib


def step_key(before: str, step: str, settings: object) -> str:
    """16 hexadecimal digits of a hash over the key of the step before, the step's name, and its settings.

    `settings` is a dataclass or another value whose `repr` shows everything that matters. A change of any setting
    changes the keys of its step and of all later steps.
    """
    return hashlib.sha256(f"{before}\n{step}\n{settings!r}".encode()).hexdigest()[:16]
