"""The engine over a real cluster of several nodes: its rankings are those of tantivy, and none is ever partial."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed: pip install 'untilclick[opensearch]'")

from untilclick.search.corpora.load import corpus_of, load_collection
from untilclick.search.engines.opensearch_client import Cluster, connect
from untilclick.search.engines.opensearch_engine import OpenSearchEngine
from untilclick.search.engines.opensearch_index import IndexOptions
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.errors import EngineError, UnknownDocumentError
from untilclick.search.records import Corpus, Document, WeightedQuery

pytestmark = pytest.mark.opensearch

CRANFIELD = Path(__file__).parents[4] / "shared" / "data" / "cranfield"

WORDS = {
    "en": "port ladder window carpet lemon running runner ovens sleeping river bridges market lantern castle coast",
    "de": "Häfen Leiter Fenster Straße Zitrone laufen Läufer Öfen schlafen Flüsse Brücke Märkte Laterne Schloss Ufer",
    "fr": "port échelle fenêtre tapis citron courir coureur fours dormir rivières forêt marché l'église château où",
    "ja": "港町 はしご 窓枠 絨毯 レモン 走る ランナー 竈 眠る 川岸 橋脚 市場 提灯 城下町 ﾎﾟｽﾄ",
    "zh": "港口 梯子 窗户 地毯 柠檬 跑步 运动员 烤箱 睡觉 河流 桥梁 市场 灯笼 城堡 海岸",
    "ar": "ميناء سلم نافذة سجادة ليمون الجري عدّاء أفران النوم أنهار جسور السوق فانوس قلعة شاطئ",
    "ru": "гавань лестница окно ковёр лимон бежать бегун печи спать реки мосты рынок фонарь замок берег",
}
"""Language -> fifteen words, some of them in forms of one lemma."""
SEPARATORS = {"ja": "", "zh": ""}
"""Language -> what stands between words; a space in others."""


def made_corpus(language: str, n_documents: int = 300) -> tuple[Corpus, list[WeightedQuery]]:
    """Documents of random words with Zipf frequencies, and fifty queries of one to four of the words."""
    rng = np.random.default_rng(7)
    words = np.array(WORDS[language].split())
    shares = 1.0 / np.arange(1, len(words) + 1)
    separator = SEPARATORS.get(language, " ")

    def text(n_words: int) -> str:
        return separator.join(rng.choice(words, n_words, p=shares / shares.sum()))

    documents = [Document(f"d{i:03d}", text(3), f"{text(rng.integers(4, 60))}.") for i in range(n_documents)]
    queries = [
        WeightedQuery.of(separator.join(rng.choice(words, rng.integers(1, 5), replace=False))) for _ in range(50)
    ]
    return corpus_of(f"made-{language}", documents), queries


def cranfield() -> tuple[Corpus, list[WeightedQuery]]:
    """The documents and all queries."""
    if not CRANFIELD.is_dir():
        pytest.skip(f"{CRANFIELD} is not on this machine")
    collection = load_collection(str(CRANFIELD))
    topics = [topic for split in sorted(collection.topics) for topic in collection.topics[split]]
    return collection.corpus, [WeightedQuery.of(topic.query) for topic in topics]


@pytest.fixture
def cluster(opensearch_cluster) -> Cluster:
    return Cluster(opensearch_cluster.urls, timeout_ms=30_000)


def options(shards: int, replicas: int) -> IndexOptions:
    """Options of an index that no other test uses."""
    return IndexOptions(prefix=f"test-{uuid.uuid4().hex}", shards=shards, replicas=replicas)


def top_tens(engine: SearchEngine, queries: list[WeightedQuery]) -> list[list[str]]:
    return [[entry.doc_id for entry in ranking] for ranking in engine.search(queries, 10)]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("data", [*WORDS, "cranfield"])
def test_the_rankings_are_those_of_tantivy(data, shards, cluster):
    corpus, queries = cranfield() if data == "cranfield" else made_corpus(data)
    local = TantivyEngine.open(corpus)
    with closing(OpenSearchEngine.open(corpus, cluster, options(shards, replicas=1))) as engine:
        rankings = top_tens(engine, queries)
        assert rankings == top_tens(local, queries)
        assert sum(map(len, rankings)) > 5 * len(queries)
        for query in queries[:5]:
            ours = engine.search([query], len(corpus.documents))[0]
            theirs = local.search([query], len(corpus.documents))[0]
            assert [entry.score for entry in ours] == pytest.approx([entry.score for entry in theirs], rel=1e-5)
            low = [entry.doc_id for entry in ours[50::57]]
            assert engine.rank_of(query, low) == local.rank_of(query, low)
            assert [word for word, _ in engine.feedback_terms(query, 10)] == [
                word for word, _ in local.feedback_terms(query, 10)
            ]


def test_an_index_whose_shard_is_away_is_neither_searched_in_part_nor_called_changed(cluster, opensearch_cluster):
    """Three shards without copies: a node takes its shard along. `open` said "Delete the index to have it built
    again", and a document of that shard was said to be unknown."""
    corpus, queries = made_corpus("en", 90)
    shape = options(shards=3, replicas=0)
    ids = [document.doc_id for document in corpus.documents]
    with closing(OpenSearchEngine.open(corpus, cluster, shape)) as engine:
        before = top_tens(engine, queries)
        node, n_shards = a_node_with_shards(cluster, engine.index)
        with opensearch_cluster.without(node):
            for call in (lambda: engine.search(queries, 10), lambda: engine.documents(ids)):
                with pytest.raises(EngineError) as caught:
                    call()
                assert not isinstance(caught.value, UnknownDocumentError)
            with pytest.raises(EngineError, match=rf"without {n_shards} of its shards\. Try again"):
                OpenSearchEngine.open(corpus, cluster, shape)
        assert top_tens_soon(engine, queries) == before
        assert engine.documents(ids) == list(corpus.documents)
        OpenSearchEngine.open(corpus, cluster, shape).close()


def a_node_with_shards(cluster: Cluster, index: str) -> tuple[int, int]:
    """Number of a node (1-based) that holds shards of the index, and their number."""
    with closing(connect(cluster)) as client:
        nodes = [shard["node"] for shard in client.cat.shards(index=index, params={"format": "json"})]
    return int(nodes[0].removeprefix("node-")), nodes.count(nodes[0])


def top_tens_soon(engine: SearchEngine, queries: list[WeightedQuery], seconds: float = 20.0) -> list[list[str]]:
    """The rankings as soon as the cluster has its shards back."""
    end = time.monotonic() + seconds
    while True:
        try:
            return top_tens(engine, queries)
        except EngineError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
