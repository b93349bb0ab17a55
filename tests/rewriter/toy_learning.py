"""A toy world to learn in: 60 synthetic documents of six themes, topics whose query leaves out the decisive word,
sessions that end with it, and a policy of width 32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.data.logged_actions import LoggedAction
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import EOS_ID, TermVocabulary
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.stages.base import new_model
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Click, Collection, Corpus, Document, Session, Topic, Turn

THEMES: dict[str, str] = {
    "kitchen": "oven dough flour yeast butter sugar sourdough brioche pretzel focaccia salt crust knead bake",
    "garden": "soil compost seed water prune shovel tomato rhubarb lavender pumpkin mulch sprout harvest weed",
    "harbour": "boat anchor sail tide rope mast trawler ferry lighthouse buoy deck captain storm dock",
    "music": "violin chord rhythm tempo melody choir cello trumpet banjo harp score bow concert tune",
    "sky": "planet orbit telescope comet moon star saturn jupiter nebula eclipse gravity dust lens night",
    "railway": "train track station signal ticket engine tunnel viaduct locomotive carriage platform rail brake bell",
}
"""Theme -> words; the seventh to tenth of each are decisive, the others are shared by the whole theme."""
GENERAL = ["people", "often", "good", "small", "early", "late", "simple", "morning"]
DOCUMENTS_PER_THEME = 10


def toy_documents() -> list[Document]:
    """Ten documents per theme. Number n of a theme is about its decisive word n % 4 and repeats it."""
    rng = np.random.default_rng(7)
    documents = []
    for theme, text in THEMES.items():
        words = text.split()
        shared, decisive = words[:6] + words[10:], words[6:10]
        for number in range(DOCUMENTS_PER_THEME):
            focus = decisive[number % 4]
            body = [*rng.choice(shared, 14), *rng.choice(GENERAL, 4), *[focus] * 3]
            title = f"{rng.choice(shared)} {focus} {rng.choice(shared)}"
            documents.append(Document(f"{theme}-{number}", title, " ".join(rng.permutation(body))))
    return documents


def toy_topics() -> tuple[Topic, ...]:
    """Four topics per theme: the query consists of shared words, and the documents about one decisive word are
    wanted."""
    topics = []
    for theme, text in THEMES.items():
        words = text.split()
        for which in range(4):
            wanted = {f"{theme}-{number}": 1 for number in range(which, DOCUMENTS_PER_THEME, 4)}
            topics.append(Topic(f"{theme}-{words[6 + which]}", f"{words[which]} {words[which + 1]}", wanted))
    return tuple(topics)


def toy_corpus() -> Corpus:
    return corpus_of("toy", toy_documents())


def toy_opened(engine: str = "tantivy") -> OpenedCollection:
    topics = toy_topics()
    return OpenedCollection.of(Collection(toy_corpus(), {"train": topics[:18], "dev": topics[18:]}, "made"), engine)


def toy_sessions(topics: Sequence[Topic], *, each: int = 2, name_topics: bool = True) -> Iterator[Session]:
    """Sessions that type the topic's query in vain, then add the decisive word and click a wanted document."""
    for topic in topics:
        decisive = topic.topic_id.split("-")[1]
        attributes = {"topic_id": topic.topic_id} if name_topics else {}
        for number in range(each):
            name = f"{topic.topic_id}-{number}"
            wanted = list(topic.relevance)[number % len(topic.relevance)]
            click = Click(f"{name}-b", wanted, 1, 12.0)
            turns = (
                Turn(f"{name}-a", 0, topic.query, None, ("sky-0",), (), 10.0, attributes),
                Turn(f"{name}-b", 1, f"{decisive} {topic.query}", None, (wanted,), (click,), 11.0, attributes),
            )
            yield Session(name, "simulated", turns)


VISITOR_SESSIONS = tuple(toy_sessions(toy_topics()[:18], each=2, name_topics=False))
"""Two sessions of each training topic, as visitors log them: no session names its topic."""

TOY_POLICY = PolicyConfig(d_model=32, d_kv=8, d_ff=32, encoder_layers=1, dropout=0.1, candidates=16)
TOY_BASE = BaseConfig(steps=25, batch_size=32, learning_rate=2e-3, target_terms=10)
TOY_WARM_START = WarmStartConfig(
    epochs=3, patience=100, batch_size=16, learning_rate=2e-3, candidate_terms=20, target_terms=10
)
TOY_PPO = changed(
    PPOConfig(),
    reward="ndcg",
    later_share=1.0,
    iterations=6,
    prompts_per_iteration=8,
    samples_per_prompt=4,
    terms=3,
    epochs=2,
    minibatches=1,
    micro_batches=1,
    learning_rate=3e-3,
    value_learning_rate=3e-3,
    value_coef=0.5,
    gamma=1.0,
    gae_lambda=1.0,
    clip_range=0.2,
    value_clip_range=0.2,
    entropy_coef=0.0,
    kl_coef=0.05,
    kl_placement="loss",
    kl_target=None,
    center_groups=True,
    whiten_advantages=True,
    max_grad_norm=1.0,
    average_decay=0.5,
    rollout_weight=0.5,
    rollout_feedback=0.0,
    word_dropout=0.0,
    validate_every=3,
    patience=100,
    checkpoint_every=3,
    seed=0,
)
"""States every field that decides a result, so that new defaults change no test."""


def toy_policy(
    opened: OpenedCollection, decoding: str = "parallel", *, memory: bool = True
) -> tuple[T5Policy, TermVocabulary]:
    """An untrained policy of the toy corpus, in evaluation mode."""
    documents = TOY_POLICY.memory_documents if memory else 0
    model = new_model(opened.index, replace(TOY_POLICY, decoding=decoding, memory_documents=documents))
    return model.policy.eval(), model.language.vocabulary


def prompt_of(vocabulary: TermVocabulary, *terms: str) -> Prompt:
    """A prompt of index terms."""
    ids = tuple(vocabulary.token_ids[term] for term in terms)
    return Prompt((*ids, EOS_ID), ids)


def action_of(
    vocabulary: TermVocabulary, query: str, terms: str, mean_return: float = 1.0, count: int = 1
) -> LoggedAction:
    """A logged action: terms that were added to a query, both given as index terms."""
    tokens = tuple(vocabulary.token_ids[term] for term in terms.split())
    return LoggedAction(prompt_of(vocabulary, *query.split()), tokens, mean_return, count)


def shaken(policy: T5Policy, seed: int = 1, scale: float = 0.05) -> T5Policy:
    """The policy with noise on all weights, so that nothing is zero or the identity; changed in place."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * scale)
    return policy


def scaled(policy: T5Policy, factor: float) -> T5Policy:
    """The policy with sharper or flatter logits, by the size of its last decoder norm; changed in place."""
    with torch.no_grad():
        policy.t5.decoder.final_layer_norm.weight.mul_(factor)
    return policy


def favour_the_end(policy: T5Policy) -> None:
    """Make the end token as likely as an average term, so that sequences of all lengths are drawn."""
    with torch.no_grad():
        policy.t5.shared.weight[EOS_ID] = policy.t5.shared.weight[5:].mean(0) * 3
