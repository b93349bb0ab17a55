"""A tiny T5 over subwords, whose tokenizer is of the type that pretrained ones have."""

from __future__ import annotations

import torch

from untilclick.rewriter.language.vocabulary import EOS_ID
from untilclick.rewriter.policy.subword import SubwordVocabulary
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy

from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer
from tests.rewriter.toy_learning import THEMES

SHAPE = T5Shape(rows=300, d_model=32, d_kv=8, d_ff=32, layers=1)
TOKENS = 290


def toy_subword(seed: int = 0) -> tuple[T5Policy, SubwordVocabulary]:
    """An untrained policy of 290 tokens and ten rows more, in evaluation mode."""
    vocabulary = SubwordVocabulary(unigram_tokenizer(" ".join(THEMES.values()).split(), TOKENS))
    policy = T5Policy(stand_in_t5(SHAPE, seed), "tokens", 0, vocabulary.banned_ids(SHAPE.rows))
    return policy.eval(), vocabulary


def favour_the_end(policy: T5Policy, batch: PromptBatch) -> T5Policy:
    """Give the end token the embedding of the mean decoder state, so that sequences of all lengths are drawn."""
    with torch.no_grad():
        state = policy.first_states(batch).mean(0)
        policy.t5.shared.weight[EOS_ID] = state / state.norm() * 6
    return policy
