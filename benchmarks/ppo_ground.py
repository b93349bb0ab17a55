"""The T5, prompts, reward and settings on which all PPOs of the comparison train. There are two grounds:

subword   a T5 over 32,100 subwords with prompts of 24 tokens and outputs of 16. The reward is the number of different
          words of the corpus in the output that are not stop words, divided by 16. The start was trained for a minute
          to continue texts of the corpus, and mostly repeats frequent words, including stop words
corpus    the `corpus` policy of the standard library's documentation with outputs of four terms. The reward is the
          gain in expected clicks

trlX's own trainer gets the same settings if it has them. These differences remain: its value head has two layers and
its value loss also updates the T5; it does not clip gradients; it loses ids when it decodes outputs to text and back.
More differences on `corpus`: it samples token by token from the whole vocabulary without bans, while our trainer
samples four of the 64 best terms of the first step without replacement; it encodes a prompt again for each of its 32
samples; its KL penalty is sampled and part of the reward, while ours is exact and part of the loss. (On `subword`
these are the same for all systems, except for the bans.)
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

from untilclick.rewriter.config import BaseConfig, PolicyConfig
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
from untilclick.rewriter.ppo_config import AdvantageConfig, KLConfig, PPOConfig, RolloutConfig, UpdateConfig
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.base import new_model, train_base
from untilclick.rewriter.trlx.reward import RewriteReward, prompt_record
from untilclick.search.analysis.by_name import english
from untilclick.search.click_models.by_name import click_model
from untilclick.search.corpora.opened import OpenedCollection

from benchmarks.ppo_records import Quality
from benchmarks.stand_in_t5 import T5Shape, stand_in_t5, unigram_tokenizer

term_of = english().term_of
words = english().words
analyse = english().query

GroundName = Literal["subword", "corpus"]
PROMPT_TOKENS = 24
SUBWORDS = 32_100
EVALUATED = 256
"""Number of prompts of an evaluation."""
KL_EVALUATED = 64
"""Number of these prompts on which KL is measured; fewer, because exact KL needs whole distributions."""
BASE_STEPS = 150
"""Training steps of the start of the corpus policy."""
CONTINUATION_STEPS = 80
"""Training steps of the start of the subword policy, each on 32 texts."""

SUBWORD_SETTINGS = PPOConfig(
    rollout=RolloutConfig(prompts_per_iteration=64, samples_per_prompt=1, terms=16),
    update=UpdateConfig(epochs=4, minibatches=2, learning_rate=3e-3, value_learning_rate=3e-3, average_decay=0.0),
    advantage=AdvantageConfig(gae_lambda=0.95, center_groups=False),
    kl=KLConfig(coef=0.01, placement="reward"),
)
"""64 sequences a round, batches of 32, four epochs, as in trlX's T5 examples; features that trlX lacks are off."""
CORPUS_SETTINGS = PPOConfig(update=UpdateConfig(average_decay=0.0))
"""The default settings: 1,024 sequences a round, two epochs of one step."""


@dataclass(frozen=True)
class Ground:
    """One T5 with its prompts, reward and settings."""

    model: Path
    """Model folder of the T5 that training starts from."""
    settings: PPOConfig
    prompts: tuple[Prompt, ...]
    """All prompts; the last `EVALUATED` are held out for evaluation."""
    records: tuple[dict[str, Any], ...]  # Any: trlX passes every other key to the reward
    """The same prompts in the form that trlX takes."""
    environment: Environment
    """The reward in the form that the built-in trainer calls."""
    reward_fn: Callable[..., list[float]]
    """The same reward in the form that trlX calls."""
    end_text: str
    """Text of the end token, appended to prompts of trlX's own trainer; empty if the tokenizer adds the token."""

    def evaluate(self, policy: T5Policy, reference: T5Policy, seed: int) -> Quality:
        """Measure mean reward and exact KL on sequences that the policy draws for the held-out prompts.

        The KL is that of the next token's distribution to the reference, in nats. On `subword` it is averaged over
        the drawn tokens. On `corpus` only the first term counts, because policies differ in how they draw the others.
        """
        rows = np.arange(len(self.prompts) - EVALUATED, len(self.prompts))
        generator = torch.Generator().manual_seed(seed)
        rewards, kls = [], []
        with torch.no_grad():
            for part in np.array_split(rows, EVALUATED // 16):  # (16,) prompts at a time
                batch = policy.batch([self.prompts[row] for row in part])
                drawn = sample(policy, batch, self._samples, self.settings.rollout.terms, generator)
                ids, mask = drawn.ids.cpu().numpy(), drawn.terms.cpu().numpy()  # (M, T) each
                batch_rewards = self.environment.rewards(part, ids, mask, np.random.default_rng(seed))
                rewards.append(batch_rewards.gain.mean())
                if 16 * len(kls) < KL_EVALUATED:
                    present, start = (score(model, batch, drawn) for model in (policy, reference))
                    kl = exact_kl(present.next_token(), start.next_token())  # one for each decoder step
                    kls.append(float(self._mean_kl(kl, present.steps, drawn)))
        return Quality(float(np.mean(rewards)), float(np.mean(kls)))

    def _mean_kl(self, kl: Tensor, steps: Tensor, drawn: Rollouts) -> Tensor:
        """Mean () of the KLs (M,) at the decoder steps that `steps` (M,) bool marks."""
        if isinstance(self.environment, DistinctWords):
            return masked_mean(kl, steps)  # ()
        # Parallel decoding has one step for all terms, token by token decoding one for each term.
        one_step = kl.numel() != drawn.ids.numel()
        return (kl if one_step else kl.view_as(drawn.ids)[:, 0]).mean()  # ()

    @property
    def _samples(self) -> int:
        """Sequences drawn for each held-out prompt."""
        return 4 if self.settings.rollout.samples_per_prompt > 1 else 1


class DistinctWords:
    """The reward of `subword`: the number of different words of `content_words` in an output, divided by `longest`.

    It is the environment of the built-in trainer and, when called, the `reward_fn` of trlX.
    """

    def __init__(
        self, vocabulary: SubwordVocabulary, content_words: frozenset[str], n_prompts: int, longest: int
    ) -> None:
        self._vocabulary, self._content_words = vocabulary, content_words
        self._n_prompts, self._longest = n_prompts, longest

    def __len__(self) -> int:
        return self._n_prompts

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards (M,) of outputs given as ids (M, T), called by the built-in trainer."""
        del rows, rng
        texts = [self._vocabulary.text(output[real].tolist()) for output, real in zip(ids, mask, strict=True)]
        return RewardBatch(np.array(self(outputs=texts)))

    def __call__(self, outputs: Sequence[str], **others: object) -> list[float]:
        """Rewards of outputs given as texts, called by trlX."""
        del others
        return [len(set(text.lower().split()) & self._content_words) / self._longest for text in outputs]


def write_start(ground: GroundName, folder: Path, seed: int) -> None:
    """Train the T5 that all systems start from, and save it."""
    opened = OpenedCollection.load("stdlib", "tantivy")
    folder.mkdir(parents=True, exist_ok=True)
    if ground == "subword":
        vocabulary = SubwordVocabulary(unigram_tokenizer(_words(opened), SUBWORDS))
        shape = T5Shape()
        policy = T5Policy(stand_in_t5(shape, seed), "tokens", 0, vocabulary.banned_ids(shape.rows))
        _continue_texts(policy, vocabulary, _texts(opened), seed)
        save_model(policy.eval(), vocabulary, folder)
        return
    model = new_model(opened.index, PolicyConfig(seed=seed))
    train_base(model, opened.collection.corpus, opened.index, BaseConfig(steps=BASE_STEPS, seed=seed))
    save_model(model.policy.eval(), model.language.vocabulary, folder)


def open_ground(ground: GroundName, folder: Path, seed: int) -> Ground:
    """Open the ground whose start `write_start` wrote into the folder."""
    opened = OpenedCollection.load("stdlib", "tantivy")
    if ground == "subword":
        return _subword_ground(opened, load_subword(folder)[1], folder, seed)
    return _corpus_ground(opened, load_policy(folder)[1], folder, seed)


def _continue_texts(policy: T5Policy, vocabulary: SubwordVocabulary, texts: Sequence[str], seed: int) -> None:
    """Train a subword policy to continue texts, by cross-entropy."""
    policy.eval()  # dropout would draw from the global generator
    length, rng = SUBWORD_SETTINGS.rollout.terms, np.random.default_rng(seed)
    tokens = [vocabulary.prompt(text, PROMPT_TOKENS + length).ids for text in texts]
    long = [ids for ids in tokens if len(ids) == PROMPT_TOKENS + length]  # texts with a whole prompt and output
    optimizer = torch.optim.AdamW(policy.t5.parameters(), lr=2e-3, fused=True)
    for _ in range(CONTINUATION_STEPS):
        chosen = [long[row] for row in rng.choice(len(long), 32, replace=False)]
        batch = policy.batch([Prompt((*ids[: PROMPT_TOKENS - 1], EOS_ID), ()) for ids in chosen])
        following = torch.tensor([ids[PROMPT_TOKENS - 1 : -1] for ids in chosen])  # (32, T)
        empty = torch.zeros(following.shape)  # (32, T) old log-probabilities and values, which the loss does not read
        targets = Rollouts(following, torch.ones_like(following, dtype=torch.bool), empty, empty, following[:, :0])
        optimizer.zero_grad()
        (-score(policy, batch, targets, distributions=False).log_probs.mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _texts(opened: OpenedCollection) -> list[str]:
    return [" ".join(words(document.text)) for document in opened.collection.corpus.documents]


def _subword_ground(opened: OpenedCollection, vocabulary: SubwordVocabulary, folder: Path, seed: int) -> Ground:
    texts = _texts(opened)
    prompts = [vocabulary.prompt(text, PROMPT_TOKENS) for text in texts]
    long = [prompt for prompt in prompts if len(prompt.ids) == PROMPT_TOKENS]
    shuffled = tuple(long[row] for row in np.random.default_rng(seed).permutation(len(long)))
    records = tuple({"prompt": vocabulary.text(prompt.ids), "position": row} for row, prompt in enumerate(shuffled))
    settings = replace(SUBWORD_SETTINGS, seed=seed)
    content_words = frozenset(word for word in set(_words(opened)) if term_of(word) is not None)
    reward = DistinctWords(vocabulary, content_words, len(shuffled), settings.rollout.terms)
    return Ground(folder, settings, shuffled, records, reward, reward, end_text="")


def _corpus_ground(opened: OpenedCollection, vocabulary: TermVocabulary, folder: Path, seed: int) -> Ground:
    topics = opened.collection.topics["train"]
    rendered = [(render(RewriteRequest(topic.query), vocabulary, opened.spelling), topic) for topic in topics]
    usable = [(prompt, topic) for prompt, topic in rendered if not prompt.empty]
    queries = [TrainingQuery(analyse(topic.query), topic.relevance) for _, topic in usable]
    settings = replace(CORPUS_SETTINGS, seed=seed)
    clicks = click_model(settings.reward.click_model, settings.reward.click_behaviour, 1)
    reward = make_reward(settings.reward.name, clicks, settings.reward.click_credit)
    rewards = RewardEnvironment(
        CorpusScorer.of(opened, vocabulary), queries, reward, RolloutBlend(settings.rollout.rewrite_weight)
    )
    prompts = tuple(prompt for prompt, _ in usable)
    language = TermLanguage(vocabulary)
    records = tuple(prompt_record(prompt, row, language) for row, prompt in enumerate(prompts))
    environment = GenerationEnvironment(rewards, prompts, language)
    reward_fn = RewriteReward(environment, np.random.default_rng(seed))
    return Ground(folder, settings, prompts, records, environment, reward_fn, end_text=" </s>")


def _words(opened: OpenedCollection) -> list[str]:
    documents = opened.collection.corpus.documents
    return [word for document in documents for word in words(f"{document.title} {document.text}".lower())]
