"""The parts of a query weighed and scaled, against the sum over all documents by hand."""

import random

import numpy as np
import pytest

from untilclick.rewriter.readings import Readings
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite
from untilclick.rewriter.serving.readings.meaning import QueryScores
from untilclick.rewriter.serving.readings.mixture import Mixture
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.serving.readings.sums import Parts, weigh
from untilclick.search.engines import ENGINE_NAMES, open_engine
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.records import Corpus, Document, WeightedQuery

from tests.fake_encoder import FakeEncoder

DRAW = random.Random(3)
WORDS = [f"{first}{second}" for first in ("ba", "ke", "lo", "mu") for second in ("rt", "sk", "nd", "mp", "gs")]
DOCUMENTS = [Document(f"d{i}", "", " ".join(DRAW.choices(WORDS, k=DRAW.randint(3, 12)))) for i in range(80)]
IDS = [document.doc_id for document in DOCUMENTS]
TYPED = WeightedQuery((("bart kesk", 0.5),))
OTHERS = WeightedQuery((("lond", 0.7), ("mump", 0.3)))


@pytest.fixture(scope="module")
def cosines(tmp_path_factory):
    return EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path_factory.mktemp("vectors")).cosines(["bart kesk"])[0]


def of(cosines):
    return QueryScores(cosines, cosines, has_vector=True)


def scores_of(engine, query):
    by_words = dict(engine.search([query], len(IDS))[0])
    return np.array([by_words.get(doc_id, 0.0) for doc_id in IDS])


def rewrite_of(parts, weighed):
    words, both = (weighed.query(parts, alone=alone) for alone in (True, False))
    documents = DocumentsRead(parts.scores.documents, weighed.documents, both, weighed.typed)
    text = "bart kesk"
    return Rewrite(text, text, (), None, True, Reason.APPLIED, 1.0, words, words, documents=documents)


def ranked(engine, query):
    return [(entry.doc_id, pytest.approx(entry.score, abs=1e-6)) for entry in rank(engine, [query], 10)[0].retrieved]


def best(sums):
    return [(IDS[i], sums[i]) for i in sorted(range(len(IDS)), key=lambda i: (-sums[i], i))[:10]]


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_both_readings_are_summed_each_divided_by_its_maximum(name, cosines):
    engine = open_engine(name, Corpus("made", tuple(DOCUMENTS), "0" * 16))
    parts = Parts(TYPED, OTHERS, of(cosines))
    weighed = weigh(engine, parts, Mixture(0.3, 0.2, "fixed"))
    typed, words = (scores_of(engine, query) for query in (TYPED, OTHERS))
    documents = np.maximum(cosines.scores(IDS), 0.0)
    rewrite = rewrite_of(parts, weighed)
    for readings, shares in (
        (Readings.AUTO, (0.3, 0.2, 0.5)),
        (Readings.BOTH, (0.3, 0.2, 0.5)),
        (Readings.DOCUMENTS, (0.3 / 0.8, 0, 0.5 / 0.8)),
    ):
        pairs = zip(shares, (typed, words, documents), strict=True)
        sums = sum(share * part / part.max() for share, part in pairs)
        assert best(sums) == ranked(engine, SearchedQuery.of(rewrite, readings=readings))


def test_words_alone_get_the_weight_of_the_documents(cosines):
    engine = open_engine("tantivy", Corpus("made", tuple(DOCUMENTS), "0" * 16))
    parts = Parts(TYPED, OTHERS, of(cosines))
    rewrite = rewrite_of(parts, weigh(engine, parts, Mixture(0.3, 0.2, "fixed")))
    typed, words = (scores_of(engine, query) for query in (TYPED, OTHERS))
    sums = 0.3 * typed / typed.max() + 0.7 * words / words.max()
    assert best(sums) == ranked(engine, SearchedQuery.of(rewrite, readings=Readings.WORDS))


def test_the_query_as_typed_can_be_left_out_of_the_words(cosines):
    engine = open_engine("tantivy", Corpus("made", tuple(DOCUMENTS), "0" * 16))
    parts = Parts(TYPED, OTHERS, of(cosines))
    rewrite = rewrite_of(parts, weigh(engine, parts, Mixture(0.3, 0.2, "fixed")))
    searched = SearchedQuery.of(rewrite, "replace")
    assert (searched.query, searched.documents.share) == (rewrite.replace, pytest.approx(0.5 / 0.7))


def test_the_evidence_follows_bm25_and_the_encoder(cosines):
    engine = open_engine("tantivy", Corpus("made", tuple(DOCUMENTS), "0" * 16))
    first = engine.search([TYPED], 1)[0][0]
    alone = weigh(engine, Parts(WeightedQuery(((DOCUMENTS[7].text, 1.0),)), OTHERS, of(cosines)), Mixture())
    unknown = weigh(engine, Parts(WeightedQuery.of("unknown"), OTHERS, of(cosines)), Mixture())
    assert alone.typed + alone.words + alone.documents == pytest.approx(1)
    assert (unknown.best_typed, unknown.words) == (1.0, pytest.approx(0.15))
    assert weigh(engine, Parts(TYPED, OTHERS, of(cosines)), Mixture()).best_typed == pytest.approx(first.score)


def test_a_query_without_meaning_is_searched_as_typed():
    engine = open_engine("tantivy", Corpus("made", tuple(DOCUMENTS), "0" * 16))
    weighed = weigh(engine, Parts(TYPED, OTHERS, of(None)), Mixture())
    assert (weighed.typed, weighed.words, weighed.documents) == (1, 0, 0)
    (query,) = {weighed.query(Parts(TYPED, OTHERS, of(None)), alone=alone) for alone in (True, False)}
    assert [text for text, _ in query.clauses] == ["bart kesk"]
