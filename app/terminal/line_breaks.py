"""Text in lines that fit a terminal, broken between words and never within one.

Rich breaks a word that is longer than a line, such as a path, and what is broken cannot be copied; here it stays
whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

_WORD = re.compile(r" *[^ ]+(?: (?:%|s|min|MiB)(?![^ ,;.)]))?")
"""A word with the blanks before it; a number keeps its unit."""

CONTINUED = " \\"
"""What a shell reads on behind."""


def wrap(text: Text, width: int, hang: int = 0) -> list[Text]:
    """The text in lines of at most `width` cells, all but the first of each paragraph indented by `hang`. A word that
    is longer has a line of its own."""
    return [line for paragraph in text.split("\n", allow_blank=True) for line in _lines(paragraph, width, hang)]


def _lines(paragraph: Text, width: int, hang: int) -> list[Text]:
    first, *others = paragraph.divide(_breaks(paragraph.plain, width, hang))
    for line in (first, *others):
        line.rstrip()
    for line in others:
        line.pad_left(hang)
    return [first, *others]


def _breaks(plain: str, width: int, hang: int) -> list[int]:
    """Where new lines start. "one two three" with 8 cells gives [8]."""
    breaks, used = [], 0
    for word in _WORD.finditer(plain):
        used += cell_len(word[0])
        bare = word[0].lstrip(" ")
        if used > width and word.start() > 0:
            breaks.append(word.end() - len(bare))
            used = hang + cell_len(bare)
    return breaks


def wrap_command(parts: Sequence[str], width: int, indent: int) -> list[str]:
    """A command in lines that can be copied as they are: a part that does not fit goes to a line of its own, behind a
    backslash."""
    lines = [" " * indent + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) + len(CONTINUED) <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += CONTINUED
            lines.append(" " * (indent + 2) + part)
    return lines
