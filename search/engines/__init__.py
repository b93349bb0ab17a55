"""BM25 engines with one interface (`untilclick.search.engines.protocol`), each by another library, and functions that
open them by name."""

from __future__ import annotations

from pathlib import Path

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.rank_bm25_engine import RankBm25Engine
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus

ENGINE_NAMES = ("tantivy", "rank-bm25")
"""Names of the engines that `open_engine` opens. An OpenSearch index needs an address besides the corpus; see
`OpenSearchEngine.open`."""


def open_engine(
    name: str, corpus: Corpus, directory: Path | None = None, analysis: Analysis | None = None
) -> SearchEngine:
    """An engine over a corpus.

    `analysis` makes the index terms; by default it is English's. `directory` keeps an index between runs; None keeps
    it in memory. Only tantivy uses the directory. Raises EngineError for an unknown name and for a corpus that cannot
    be indexed.
    """
    if name == "tantivy":
        return TantivyEngine.open(corpus, directory, analysis)
    if name == "rank-bm25":
        return RankBm25Engine(corpus, analysis)
    raise EngineError(f"Unknown engine {name!r}. Choose one of: {', '.join(ENGINE_NAMES)}")
