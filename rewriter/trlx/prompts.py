"""The prompt pipeline of PPO in trlX, registered there as `RewriterPromptPipeline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase
from trlx.pipeline import BasePipeline, register_datapipeline
from trlx.utils import logging

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import EOS_ID
from untilclick.rewriter.training.scored import Needs

logger = logging.get_logger(__name__)  # trlX's logger: only the main process logs


_NOT_METADATA = ("prompt", "query_terms")
"""Entries of a prompt's dictionary that `reward_fn` does not get."""


class RewardArguments(NamedTuple):
    """The prompts of some sequences as `reward_fn` gets them."""

    prompts: list[str]
    metadata: dict[str, list[Any]]  # Any: passed on to the reward as it is
    """Name -> one value per sequence."""


@register_datapipeline
class RewriterPromptPipeline(BasePipeline):  # type: ignore[misc]
    """Prompts with their metadata. Unlike trlX's own pipeline, it leaves the caller's dictionaries as they are.

    `reward_fn` gets the whole texts. The model reads at most `max_prompt_length` tokens of each, the end token
    included; a warning states how many prompts are cut. If any prompt has metadata of some name, all have it: None
    for the others. The metadata `need` is the number of the prompt's need, by which evaluations are compared."""

    def __init__(
        self,
        prompts: Sequence[str | Mapping[str, Any]],  # Any: metadata is passed on to the reward as it is
        max_prompt_length: int,
        tokenizer: PreTrainedTokenizerBase,
        add_special_tokens: bool = False,
    ) -> None:
        super().__init__()
        del add_special_tokens
        records = [{"prompt": prompt} if isinstance(prompt, str) else dict(prompt) for prompt in prompts]
        self.texts: list[str] = [record["prompt"] for record in records]
        token_ids = [_token_ids(text, tokenizer) for text in self.texts]
        query_ids = [_token_ids(record.get("query_terms", ""), tokenizer) for record in records]
        self.prompts = [
            Prompt((*ids[: max_prompt_length - 1], EOS_ID), tuple(terms))
            for ids, terms in zip(token_ids, query_ids, strict=True)
        ]
        names = dict.fromkeys(key for record in records for key in record if key not in _NOT_METADATA)
        self.metadata = [{key: record.get(key) for key in names} for record in records]
        self.needs = _needs([record.get("need") for record in records])
        cut = sum(len(ids) >= max_prompt_length for ids in token_ids)
        if cut:
            logger.warning(
                f"{cut} of {len(records)} prompts are cut: the model reads {max_prompt_length} tokens, the end token "
                "included. reward_fn gets the whole prompts; train.seq_length raises the limit"
            )

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.prompts)

    def __getitem__(self, index: int) -> Prompt:
        """One prompt."""
        return self.prompts[index]

    def reward_arguments(self, rows: Sequence[int]) -> RewardArguments:
        """Texts and metadata of the prompts at these positions."""
        names = self.metadata[0] if self.metadata else {}
        metadata = {key: [self.metadata[row][key] for row in rows] for key in names}
        return RewardArguments([self.texts[row] for row in rows], metadata)


def _needs(numbers: Sequence[object]) -> Needs | None:
    """(n,) the numbers of the needs; None if the need of any prompt is not known."""
    known = [number for number in numbers if isinstance(number, int)]
    return np.array(known, dtype=np.int64) if len(known) == len(numbers) else None


def _token_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
