"""BM25 engines behind the protocol of `untilclick.search.engines.protocol`, one library each, and the one door to
them."""

from __future__ import annotations

from pathlib import Path

from untilclick.search.engines.protocol import LiveEngine, SearchEngine
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus

ENGINE_NAMES = ("tantivy", "rank-bm25")
"""What `open_engine` opens from a corpus alone. An OpenSearch index needs an address and is opened by its own
module."""


def open_engine(name: str, corpus: Corpus, directory: Path | None = None) -> SearchEngine:
    """An engine over the corpus.

    `directory` is where engines may keep an index between runs; None keeps everything in memory. Only tantivy uses
    it. Raises `EngineError` for an unknown name or a corpus that cannot be searched.
    """
    if name == "tantivy":
        return TantivyEngine.open(corpus, directory)
    if name == "rank-bm25":
        return RankBm25Engine(corpus)
    raise EngineError(f"Unknown engine {name!r}. Choose one of: {', '.join(ENGINE_NAMES)}")


def open_live_engine(name: str, corpus: Corpus, directory: Path | None) -> LiveEngine:
    """An engine whose documents may change, kept in a folder; it begins with the corpus.

    Raises `EngineError` for an engine that cannot, and without a folder.
    """
    if name != "tantivy":
        raise EngineError(f"Documents of the engine {name!r} cannot be changed. Use tantivy")
    if directory is None:
        raise EngineError("Documents that may be changed need a folder for their index")
    return TantivyEngine.open_live(corpus, directory)
