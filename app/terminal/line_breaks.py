"""Line breaks for a terminal: between words, never inside one.

Rich breaks a word that is longer than a line, for instance a path, and a broken path cannot be copied. Here such a
word stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

_WORD = re.compile(r" *[^ ]+(?: (?:%|s|min|MiB)(?![^ ,;.)]))?")
"""A word with the blanks before it; a number and its unit count as one word."""

CONTINUED = " \\"
"""End of a line that a shell continues on the next one."""


def wrap(text: Text, width: int, hang: int = 0) -> list[Text]:
    """Break text into lines of at most `width` cells; all lines of a paragraph but the first are indented by `hang`.

    A word that is longer than `width` gets a line of its own.
    """
    return [line for paragraph in text.split("\n", allow_blank=True) for line in _lines(paragraph, width, hang)]


def _lines(paragraph: Text, width: int, hang: int) -> list[Text]:
    first, *others = paragraph.divide(_breaks(paragraph.plain, width, hang))
    for line in (first, *others):
        line.rstrip()
    for line in others:
        line.pad_left(hang)
    return [first, *others]


def _breaks(plain: str, width: int, hang: int) -> list[int]:
    """Offsets at which new lines start: for "one two three" in 8 cells, [8]."""
    breaks, used = [], 0
    for word in _WORD.finditer(plain):
        used += cell_len(word[0])
        bare = word[0].lstrip(" ")
        if used > width and word.start() > 0:
            breaks.append(word.end() - len(bare))
            used = hang + cell_len(bare)
    return breaks


def wrap_command(parts: Sequence[str], width: int, indent: int) -> list[str]:
    """Break a command into lines that a shell reads as one: a part that does not fit starts a new line, and the line
    before it ends in a backslash."""
    lines = [" " * indent + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) + len(CONTINUED) <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += CONTINUED
            lines.append(" " * (indent + 2) + part)
    return lines
