"""The prompts' pipeline of PPO in trlX, registered there as `RewriterPromptPipeline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase
from trlx.pipeline import BasePipeline, register_datapipeline
from trlx.utils import logging

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import EOS_ID

logger = logging.get_logger(__name__)  # of trlX: the main process alone speaks


@register_datapipeline
class RewriterPromptPipeline(BasePipeline):  # type: ignore[misc]
    """Prompts with their metadata. trlX's own takes the texts out of the caller's dictionaries.

    Texts are kept as they were given, for `reward_fn`; the model reads no more than `max_prompt_length` tokens of
    each, the end token included, and a warning says how many are cut. Every prompt has the metadata of all of them,
    None where it was not given."""

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
        self.texts: list[str] = [one["prompt"] for one in records]
        read = [_read(text, tokenizer) for text in self.texts]
        own = [_read(one.get("query_terms", ""), tokenizer) for one in records]
        self.prompts = [
            Prompt((*ids[: max_prompt_length - 1], EOS_ID), tuple(terms))
            for ids, terms in zip(read, own, strict=True)
        ]
        names = dict.fromkeys(key for one in records for key in one if key not in ("prompt", "query_terms"))
        self.metadata = [{key: one.get(key) for key in names} for one in records]
        cut = sum(len(ids) >= max_prompt_length for ids in read)
        if cut:
            logger.warning(
                f"{cut} of {len(records)} prompts have more than the {max_prompt_length} tokens that are read, the "
                "end token included, and are cut; reward_fn is told them whole; train.seq_length raises the limit"
            )

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.prompts)

    def __getitem__(self, index: int) -> Prompt:
        """One prompt."""
        return self.prompts[index]

    def told(self, rows: Sequence[int]) -> tuple[list[str], dict[str, list[Any]]]:
        """Texts and metadata of the prompts at these positions, as `reward_fn` is told them."""
        names = self.metadata[0] if self.metadata else {}
        return [self.texts[row] for row in rows], {key: [self.metadata[row][key] for row in rows] for key in names}


def _read(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
