"""The toy world for a subword T5, whose tokenizer has the letters and words of the toy corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from untilclick.rewriter.flat_settings import changed, flat
from untilclick.rewriter.language.language import SubwordLanguage
from untilclick.rewriter.language.subword_settings import (
    SubwordBaseConfig,
    SubwordConfig,
    SubwordPPOConfig,
    SubwordWarmStartConfig,
)
from untilclick.rewriter.policy.subword import SubwordVocabulary, save_subword
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.stages.subword_base import SubwordStart, new_subword_model
from untilclick.search.corpora.opened import OpenedCollection

from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer
from tests.rewriter.toy_learning import THEMES, TOY_PPO

SHAPE = T5Shape(rows=300, d_model=64, d_kv=16, d_ff=128, layers=1)
TOKENS = 290
SETTINGS = SubwordConfig(length=10, beams=4, prompt_length=24, target_words=2)
BASE = SubwordBaseConfig(steps=5, batch_size=16, learning_rate=5e-3, target_terms=10)
WARM_START = SubwordWarmStartConfig(epochs=2, batch_size=16, learning_rate=5e-3, candidate_terms=20, target_terms=10)
PPO = changed(
    SubwordPPOConfig(),
    **{name: value for name, value in flat(TOY_PPO).items() if name not in ("kl_placement", "terms")}
    | {
        "later_share": 0.0,
        "iterations": 4,
        "validate_every": 2,
        "kl_coef": 0.0,
        "prompts_per_iteration": 16,
        "samples_per_prompt": 8,
        "learning_rate": 2e-3,
    },
)


def pretrained(folder: Path) -> Path:
    """A T5 and its tokenizer in a folder, as if they had been downloaded; without dropout, which a model this small
    learns slowly with."""
    folder.mkdir(exist_ok=True)
    vocabulary = SubwordVocabulary(unigram_tokenizer(" ".join(THEMES.values()).split(), TOKENS))
    t5 = stand_in_t5(SHAPE, 0)
    t5.config.dropout_rate = 0.0
    save_subword(T5Policy(t5, "tokens", 0, vocabulary.banned_ids(SHAPE.rows)), vocabulary, folder)
    return folder


def toy_language(opened: OpenedCollection, folder: Path, **changes) -> tuple[T5Policy, SubwordLanguage]:
    """That T5 and its language over the toy corpus."""
    model = new_subword_model(SubwordStart(pretrained(folder), replace(SETTINGS, **changes)), opened.index)
    return model.policy, model.language
