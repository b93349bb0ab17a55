"""Which keys lie beside each other on a QWERTY keyboard: simulated users slip to them, and the spelling correction
expects such slips."""

from __future__ import annotations

from functools import lru_cache

_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROW_OFFSETS = (0.0, 0.25, 0.75)


@lru_cache(maxsize=1)
def neighbours() -> dict[str, tuple[str, ...]]:
    """Each letter's neighbours: the letters at most 1.3 key widths away."""
    places = {key: (x + _ROW_OFFSETS[y], y) for y, row in enumerate(_KEY_ROWS) for x, key in enumerate(row)}
    return {
        a: tuple(b for b, (u, v) in places.items() if b != a and (u - x) ** 2 + (v - y) ** 2 <= 1.3**2)
        for a, (x, y) in places.items()
    }
