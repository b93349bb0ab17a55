"""What every PPO of the comparison trains on: one T5, prompts, a reward, settings. Two grounds:

subword   a T5 over 32,100 subwords, prompts of 24 tokens, outputs of 16; pays for the share of the 16 that are
          different words of the corpus and no stop words. It starts from a minute of continuing the corpus's texts
          and mostly repeats its most frequent words, stop words among them
corpus    the `corpus` policy of the standard library's documentation, four terms; pays the expected clicks gained

trlX's own trainer gets the same settings as far as it has them. What it does otherwise: a value head of two layers
whose error moves the T5 as well; no clipping of gradients; ids lost by decoding to text and back. On `corpus` also:
it draws token by token from the whole vocabulary, nothing banned, where ours draws four of the first step's 64 best
terms without replacement; it encodes a prompt once for each of its 32 samples; and the KL is in its reward, sampled,
where ours is in the loss, exact. (On `subword` all of these are alike, the bans apart.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.config import (
    AdvantageConfig,
    BaseConfig,
    KLConfig,
    PolicyConfig,
    PPOConfig,
    RolloutConfig,
    UpdateConfig,
)
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import (
    Environment,
    RewardBatch,
    RewardEnvironment,
    RolloutBlend,
    TrainingQuery,
)
from untilclick.rewriter.data.generation_environment import GenerationEnvironment
from untilclick.rewriter.data.rewards import make_reward
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.language.prompts import Prompt, render
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.policy.distributions import exact_kl, masked_mean
from untilclick.rewriter.policy.models import save_model
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.sequences import Rollouts
from untilclick.rewriter.policy.subword import SubwordVocabulary, load_subword
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.base import new_policy, train_base
from untilclick.rewriter.trlx.reward import RewriteReward, prompt_record
from untilclick.search.click_models.by_name import click_model
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.text.analysis import term_of, words
from untilclick.search.text.analysis import terms as analyse

from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer

GroundName = Literal["subword", "corpus"]
PROMPT_TOKENS = 24
SUBWORDS = 32_100
EVALUATED = 256
"""Prompts of an evaluation."""
KL_EVALUATED = 64
"""Those of them whose sequences the KL is measured on, which takes whole distributions."""
BASE_STEPS = 150
"""Of the corpus policy, so that it starts from something."""
CONTINUATION_STEPS = 80
"""Of the subword policy; steps of 32 texts."""

SUBWORD_SETTINGS = PPOConfig(
    rollout=RolloutConfig(prompts_per_iteration=64, samples_per_prompt=1, terms=16),
    update=UpdateConfig(epochs=4, minibatches=2, learning_rate=3e-3, value_learning_rate=3e-3, average_decay=0.0),
    advantage=AdvantageConfig(gae_lambda=0.95, center_groups=False),
    kl=KLConfig(coef=0.01, placement="reward"),
)
"""Chunks of 64, batches of 32, four epochs, as in trlX's own T5 examples; whatever trlX lacks is off."""
CORPUS_SETTINGS = PPOConfig(update=UpdateConfig(average_decay=0.0))
"""The default: 1,024 sequences a round, two epochs of one step."""


@dataclass(frozen=True)
class Ground:
    """One T5 and what it is trained to do."""

    model: Path
    """Model folder of the start."""
    settings: PPOConfig
    prompts: tuple[Prompt, ...]
    """The last `EVALUATED` of them are kept for evaluation."""
    records: tuple[dict[str, Any], ...]  # Any: trlX passes whatever stands beside the prompt on to the reward
    """The same prompts as trlX takes them."""
    environment: Environment
    pays: Callable[..., list[float]]
    """The same reward as trlX calls it."""
    end_text: str
    """Text of the end token for prompts of trlX's own trainer, empty if the tokenizer adds the token itself."""

    def evaluate(self, policy: T5Policy, reference: T5Policy, seed: int) -> tuple[float, float]:
        """Mean reward of sequences drawn for the prompts kept back, and exact KL to the start, in nats: of the next
        token's distribution, mean over the tokens drawn; over terms of the first one's, where the policies differ in
        how they go on from there."""
        rows = np.arange(len(self.prompts) - EVALUATED, len(self.prompts))
        generator = torch.Generator().manual_seed(seed)
        paid, kl = [], []
        with torch.no_grad():
            for part in np.array_split(rows, EVALUATED // 16):
                batch = policy.batch([self.prompts[row] for row in part])
                drawn = sample(policy, batch, self._samples, self.settings.rollout.terms, generator)
                arrays = (drawn.ids.cpu().numpy(), drawn.terms.cpu().numpy())
                paid.append(self.environment.rewards(part, *arrays, np.random.default_rng(seed)).gain.mean())
                if 16 * len(kl) < KL_EVALUATED:
                    present, start = (score(model, batch, drawn) for model in (policy, reference))
                    each = exact_kl(present.next_token(), start.next_token())
                    kl.append(float(self._mean_kl(each, present.steps, drawn)))
        return float(np.mean(paid)), float(np.mean(kl))

    def _mean_kl(self, each: Tensor, steps: Tensor, drawn: Rollouts) -> Tensor:
        """() of KLs (M,) at decoder steps (M,) bool."""
        if isinstance(self.environment, DistinctWords):
            return masked_mean(each, steps)
        alone = each.numel() != drawn.ids.numel()  # parallel decoding has one step for all terms
        return (each if alone else each.view_as(drawn.ids)[:, 0]).mean()

    @property
    def _samples(self) -> int:
        return 4 if self.settings.rollout.samples_per_prompt > 1 else 1


class DistinctWords:
    """Environment and `reward_fn` in one: the share of `longest` that are different words of those `known`."""

    def __init__(self, vocabulary: SubwordVocabulary, known: frozenset[str], n_prompts: int, longest: int) -> None:
        self._vocabulary, self._known = vocabulary, known
        self._n_prompts, self._longest = n_prompts, longest

    def __len__(self) -> int:
        return self._n_prompts

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Of ids, as the built-in trainer asks."""
        del rows, rng
        texts = [self._vocabulary.text(one[real].tolist()) for one, real in zip(ids, mask, strict=True)]
        return RewardBatch(np.array(self(outputs=texts)))

    def __call__(self, outputs: Sequence[str], **others: object) -> list[float]:
        """Of texts, as trlX asks."""
        del others
        return [len(set(text.lower().split()) & self._known) / self._longest for text in outputs]


def write_start(ground: GroundName, folder: Path, seed: int) -> None:
    """Make the T5 that all systems start from."""
    bench = OpenedCollection.load("stdlib", "tantivy")
    folder.mkdir(parents=True, exist_ok=True)
    if ground == "subword":
        vocabulary = SubwordVocabulary(unigram_tokenizer(_words(bench), SUBWORDS))
        shape = T5Shape()
        policy = T5Policy(stand_in_t5(shape, seed), "tokens", 0, vocabulary.banned_ids(shape.rows))
        _continue_texts(policy, vocabulary, _texts(bench), seed)
        save_model(policy.eval(), vocabulary, folder)
        return
    policy, terms = new_policy(bench.index, PolicyConfig(seed=seed))
    train_base(policy, bench.collection.corpus, bench.index, terms, BaseConfig(steps=BASE_STEPS, seed=seed))
    save_model(policy.eval(), terms, folder)


def open_ground(ground: GroundName, folder: Path, seed: int) -> Ground:
    """The ground of a start that `write_start` wrote into the folder."""
    bench = OpenedCollection.load("stdlib", "tantivy")
    if ground == "subword":
        return _subword_ground(bench, load_subword(folder)[1], folder, seed)
    return _corpus_ground(bench, load_policy(folder)[1], folder, seed)


def _continue_texts(policy: T5Policy, vocabulary: SubwordVocabulary, texts: Sequence[str], seed: int) -> None:
    """Teach a subword policy to go on with texts, by cross-entropy; without dropout, which draws from elsewhere."""
    policy.eval()
    length, rng = SUBWORD_SETTINGS.rollout.terms, np.random.default_rng(seed)
    tokens = [vocabulary.prompt(text, PROMPT_TOKENS + length).ids for text in texts]
    long = [ids for ids in tokens if len(ids) == PROMPT_TOKENS + length]
    optimizer = torch.optim.AdamW(policy.t5.parameters(), lr=2e-3, fused=True)
    for _ in range(CONTINUATION_STEPS):
        chosen = [long[row] for row in rng.choice(len(long), 32, replace=False)]
        batch = policy.batch([Prompt((*ids[: PROMPT_TOKENS - 1], EOS_ID), ()) for ids in chosen])
        following = torch.tensor([ids[PROMPT_TOKENS - 1 : -1] for ids in chosen])
        empty = torch.zeros(following.shape)
        wanted = Rollouts(following, torch.ones_like(following, dtype=torch.bool), empty, empty, following[:, :0])
        optimizer.zero_grad()
        (-score(policy, batch, wanted, distributions=False).log_probs.mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _texts(bench: OpenedCollection) -> list[str]:
    return [" ".join(words(document.text)) for document in bench.collection.corpus.documents]


def _subword_ground(bench: OpenedCollection, vocabulary: SubwordVocabulary, folder: Path, seed: int) -> Ground:
    texts = _texts(bench)
    prompts = [vocabulary.prompt(text, PROMPT_TOKENS) for text in texts]
    whole = [(text, one) for text, one in zip(texts, prompts, strict=True) if len(one.ids) == PROMPT_TOKENS]
    order = np.random.default_rng(seed).permutation(len(whole))
    kept = [whole[row] for row in order]
    cut = [vocabulary.text(prompt.ids) for _, prompt in kept]
    records = tuple({"prompt": text, "position": row} for row, text in enumerate(cut))
    settings = replace(SUBWORD_SETTINGS, seed=seed)
    content = frozenset(word for word in set(_words(bench)) if term_of(word) is not None)
    pays = DistinctWords(vocabulary, content, len(kept), settings.rollout.terms)
    return Ground(folder, settings, tuple(prompt for _, prompt in kept), records, pays, pays, end_text="")


def _corpus_ground(bench: OpenedCollection, vocabulary: TermVocabulary, folder: Path, seed: int) -> Ground:
    topics = bench.collection.topics["train"]
    rendered = [(render(RewriteRequest(one.query), vocabulary, bench.spelling), one) for one in topics]
    known = [(prompt, topic) for prompt, topic in rendered if not prompt.empty]
    queries = [TrainingQuery(tuple(analyse(topic.query)), topic.relevance) for _, topic in known]
    settings = replace(CORPUS_SETTINGS, seed=seed)
    clicks = click_model(settings.reward.click_model, settings.reward.click_behaviour, 1)
    reward = make_reward(settings.reward.name, clicks, settings.reward.click_credit)
    rewards = RewardEnvironment(
        CorpusScorer.of(bench, vocabulary), queries, reward, RolloutBlend(settings.rollout.rewrite_weight)
    )
    prompts = tuple(prompt for prompt, _ in known)
    language = TermLanguage(vocabulary)
    records = tuple(prompt_record(one, row, language) for row, one in enumerate(prompts))
    environment = GenerationEnvironment(rewards, prompts, language)
    pays = RewriteReward(environment, np.random.default_rng(seed))
    return Ground(folder, settings, prompts, records, environment, pays, end_text=" </s>")


def _words(bench: OpenedCollection) -> list[str]:
    documents = bench.collection.corpus.documents
    return [word for document in documents for word in words(f"{document.title} {document.text}".lower())]
