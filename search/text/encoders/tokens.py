"""Opening of a tokenizer, for both kinds of encoders."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from untilclick.search.errors import ModelError


def open_tokenizer(path: Path, max_tokens: int | None) -> Tokenizer:
    """The tokenizer in a file. It cuts texts to `max_tokens` (None: never) and does not pad them. Raises ModelError
    if the file cannot be read."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"{path} cannot be read ({error}); install or convert the encoder again") from error
    if max_tokens is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer
