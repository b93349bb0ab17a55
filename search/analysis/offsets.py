"""Places in a text from places in its normalised form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from untilclick.search.analysis.normal_form import clusters, is_normalised, normalised


@dataclass(frozen=True, slots=True)
class Aligned:
    """A normalised text and the places that its characters come from."""

    text: str
    starts: Sequence[int] | None
    """(characters of `text`,) the place in the original at which each character's cluster begins; None if the
    original is normalised."""
    ends: Sequence[int] | None
    """(characters of `text`,) the place in the original at which the cluster ends; None as above."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in the original of the characters from `start` to the one before `end`."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def aligned(text: str) -> Aligned:
    """The normalised form of a text with its places.

    The places are near and not exact if neighbouring clusters change each other, which only odd sequences of
    combining characters do.
    """
    if is_normalised(text):
        return Aligned(text, None, None)
    places = list(clusters(text))
    forms = [normalised(text[start:end]) for start, end in places]
    joined = "".join(forms)
    whole = normalised(text)
    if joined != whole:
        ratio = len(text) / max(len(whole), 1)
        edges = [min(int(i * ratio), len(text)) for i in range(len(whole) + 1)]
        return Aligned(whole, edges[:-1], edges[1:])
    starts = [start for (start, _), form in zip(places, forms, strict=True) for _ in form]
    ends = [end for (_, end), form in zip(places, forms, strict=True) for _ in form]
    assert len(starts) == len(whole) == (list(accumulate(map(len, forms)))[-1] if forms else 0)
    return Aligned(whole, starts, ends)
