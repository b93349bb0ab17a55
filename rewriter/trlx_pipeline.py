"""The prompts' pipeline of PPO in trlX, registered there as `RewriterPromptPipeline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase
from trlx.pipeline import BasePipeline, register_datapipeline

from rewriter.prompts import Prompt
from rewriter.vocabulary import EOS_ID


@register_datapipeline
class RewriterPromptPipeline(BasePipeline):  # type: ignore[misc]
    """Prompts with their metadata. trlX's own takes the texts out of the caller's dictionaries."""

    def __init__(
        self,
        prompts: Sequence[str | Mapping[str, Any]],  # Any: metadata is passed on to the reward as it is
        max_prompt_length: int,
        tokenizer: PreTrainedTokenizerBase,
        add_special_tokens: bool = False,
    ) -> None:
        super().__init__()
        del add_special_tokens
        records = [{"prompt": one} if isinstance(one, str) else dict(one) for one in prompts]
        self.prompts = [_read_prompt(one, max_prompt_length, tokenizer) for one in records]
        self.texts = [one["prompt"] for one in records]
        kept = [{key: value for key, value in one.items() if key not in ("prompt", "query_terms")} for one in records]
        self.metadata = kept

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.prompts)

    def __getitem__(self, index: int) -> Prompt:
        """One prompt."""
        return self.prompts[index]


def _read_prompt(record: Mapping[str, Any], longest: int, tokenizer: PreTrainedTokenizerBase) -> Prompt:
    ids = tokenizer(record["prompt"], add_special_tokens=False)["input_ids"][: longest - 1]
    own = tokenizer(record.get("query_terms", ""), add_special_tokens=False)["input_ids"]
    return Prompt((*ids, EOS_ID), tuple(own))
