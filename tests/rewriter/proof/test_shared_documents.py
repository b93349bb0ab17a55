"""A log whose reformulations share documents: the split of earlier versions has them on both sides, and chooses what
harms half of all other queries.

Twelve needs are learned from, by ten queries each, most of them of common words alone. Each query is a topic of its
own, as in BEIR collections. Twelve other needs are searched by a word of their document, beside such common words.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.first_query_split import split_sessions
from untilclick.rewriter.data.log_sides import LogSides, split_by_need
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.judging.evidence import Finding, Verdict
from untilclick.rewriter.proof import few_needs
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.proof.few_needs import contest_in_folds
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.reader import open_reader
from untilclick.rewriter.stages.record import read_stage
from untilclick.rewriter.training.held_out import validation_set
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Click, Collection, Document, Session, Topic, Turn

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_WARM_START
from tests.rewriter.toy_stages import run_base, run_warm_start

LEARNED, NEEDS, QUERIES = 12, 24, 10
_SYLLABLES = ["ka", "lo", "mi", "ru", "te", "sa", "vo", "ne", "pi", "du", "ga", "he"]


def _word(number: int) -> str:
    return "".join(_SYLLABLES[number // 12**place % 12] for place in range(3)) + "x"


OWN = [_word(100 + number) for number in range(3 * NEEDS)]
COMMON = [_word(900 + number) for number in range(40)]


def documents(rng):
    """A document for each need, with three words of its own, and others of common words alone."""
    for need in range(NEEDS):
        own = OWN[3 * need : 3 * need + 3]
        body = rng.permutation([*own * 2, *rng.choice(COMMON, 12)])
        yield Document(f"d{need}", " ".join(own[:2]), " ".join(body))
    for number in range(60):
        yield Document(f"f{number}", rng.choice(COMMON), " ".join(rng.choice(COMMON, 16)))


def topics(rng, needs, share_with_own_word):
    for need in needs:
        for number in range(QUERIES):
            words = [OWN[3 * need + 2]] if rng.random() < share_with_own_word else []
            words += rng.choice(COMMON, 3, replace=False).tolist()
            yield Topic(f"q{need}-{number}", " ".join(words), {f"d{need}": 1})


def session(topic):
    """The query in vain, then words of the document's title, and a click."""
    (wanted,) = topic.relevance
    need, attributes = int(wanted[1:]), {"topic_id": topic.topic_id}
    first, second = f"{topic.topic_id}a", f"{topic.topic_id}b"
    title = " ".join(OWN[3 * need : 3 * need + 2])
    turns = (
        Turn(first, 0, topic.query, None, (wanted,), (), 1.0, attributes=attributes),
        Turn(second, 1, title, None, (wanted,), (Click(second, wanted, 1, 2.0),), 2.0, attributes=attributes),
    )
    return Session(topic.topic_id, "simulated", turns)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The opened collection, its sessions, and a run folder with a base."""
    rng = np.random.default_rng(3)
    corpus = corpus_of("shared", list(documents(rng)))
    learned = tuple(topics(rng, range(LEARNED), 0.2))
    others = tuple(topics(rng, range(LEARNED, NEEDS), 0.9))
    opened = OpenedCollection.of(Collection(corpus, {"train": learned, "dev": others}, "real"), "tantivy")
    run = tmp_path_factory.mktemp("run")
    run_base(opened, run, TOY_POLICY, replace(TOY_BASE, steps=60))
    return opened, [session(topic) for topic in learned], run


def harmed_share(opened, folder) -> float:
    """Share of the other needs' queries that a stage harms in the blend chosen for it."""
    read, language, _ = open_reader(folder)
    queries = [JudgedQuery(RewriteRequest(each.query), each.relevance) for each in opened.collection.topics["dev"]]
    judged = validation_set(opened, queries, CorpusScorer.of(opened, language.vocabulary), language)
    return judged.harmed_share(judged.best_score(read, [read_stage(folder).blend]).values)


def _counting(trained):
    """Shows nothing, and notes the folds that were trained."""

    @contextmanager
    def show(_title):
        yield lambda done, total, _part="": trained.append((done, total))

    return show


WARM_START = replace(TOY_WARM_START, epochs=15, learning_rate=5e-3)


def test_the_split_of_earlier_versions_chooses_what_harms_half_of_all_other_queries(world):
    opened, sessions, run = world
    split = split_sessions(sessions, 0.1)
    documents_of = [{each.clicked[0] for each in side} for side in (split.training, split.validation)]
    assert documents_of[1] <= documents_of[0], "every validation query is a reformulation of training queries"
    sides = LogSides(split.training, split.validation, (), {}, opened.analysis, None)
    assert harmed_share(opened, run_warm_start(opened, run, sides, WARM_START)) >= 0.5


def test_the_split_by_need_chooses_what_harms_none_and_nothing_speaks_for_it(world):
    opened, sessions, run = world
    config = RunConfig(run)
    sides = split_by_need(sessions, opened.collection.topics, opened.analysis, config.split_key)
    assert sides.record.n_needs == LEARNED
    assert harmed_share(opened, run_warm_start(opened, run, sides, WARM_START)) == 0
    trained = []
    finding = contest_in_folds(config, opened, sides, JudgingConfig(folds=4), _counting(trained))
    assert finding.verdict is Verdict.CANNOT_SAY
    assert finding.difference <= 0
    assert trained == [(1, 4), (2, 4)], "without a lead over two folds the others are not trained"
    assert finding.reason.startswith("after 2 of 4 folds it does not lead, nDCG@10 differs by ")


def test_a_lead_is_judged_in_all_folds(world, monkeypatch):
    """Clear leads in the first folds decide nothing."""
    opened, sessions, run = world
    config, trained = RunConfig(run), []
    sides = split_by_need(sessions, opened.collection.topics, opened.analysis, config.split_key)
    run_warm_start(opened, run, sides, WARM_START)
    leads = iter([0.02, 0.01, 0.004])
    found = Finding.unknown("untrained", "too few")
    monkeypatch.setattr(few_needs, "_train", lambda *_: None)
    monkeypatch.setattr(few_needs, "_compare", lambda *_: replace(found, difference=next(leads)))
    finding = contest_in_folds(config, opened, sides, JudgingConfig(folds=4), _counting(trained))
    assert trained == [(n, 4) for n in (1, 2, 3, 4)]
    assert finding.difference == 0.004
    assert finding.reason == "too few"
