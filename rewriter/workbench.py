"""What every training stage stands on: a collection, its term index, its spelling corrector, its engine's formula."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.rewriter.language import Language
from untilclick.rewriter.scorer import ENGINE_SETTINGS, CorpusScorer
from untilclick.rewriter.training_data import LoggedQuery, training_query
from untilclick.rewriter.validation import ValidationSet
from untilclick.rewriter.vocabulary import TermVocabulary
from untilclick.search.corpus import load_collection
from untilclick.search.records import Collection
from untilclick.search.spelling import SpellingCorrector
from untilclick.search.term_index import TermIndex


@dataclass(frozen=True)
class Workbench:
    """Loaded once per run and shared by its stages."""

    collection: Collection
    index: TermIndex
    spelling: SpellingCorrector
    engine: str
    """Whose ranking formula the rewards use."""

    @classmethod
    def open(cls, data: str, engine: str, seed: int = 0) -> Workbench:
        """Load a `--data` source. Raises DataError when it cannot be read."""
        return cls.of(load_collection(data, seed=seed), engine)

    @classmethod
    def of(cls, collection: Collection, engine: str) -> Workbench:
        """Index a loaded collection."""
        index = TermIndex.build(collection.corpus)
        return cls(collection, index, SpellingCorrector.from_index(index), engine)

    def scorer(self, vocabulary: TermVocabulary) -> CorpusScorer:
        """Batched BM25 with the engine's settings."""
        return CorpusScorer(self.index, vocabulary, ENGINE_SETTINGS[self.engine])

    def validation_set(
        self,
        queries: list[LoggedQuery],
        scorer: CorpusScorer,
        language: Language,
        most: int,
        harm_limit: float | None = None,
    ) -> ValidationSet:
        """At most `most` of the queries, first queries of sessions before later ones. Unknown words are corrected if
        that gives the better mean for the original queries."""
        ordered = sorted(queries, key=lambda one: len(one.request.history))
        chosen = [one for one in ordered if one.relevance][:most]
        prompts = [language.prompt(one.request, self.spelling) for one in chosen]
        plain, corrected = (
            ValidationSet(
                scorer,
                prompts,
                [training_query(one, spelling) for one in chosen],
                corrections=spelling is not None,
                harm_limit=harm_limit,
            )
            for spelling in (None, self.spelling)
        )
        return plain if plain.original_ndcg > corrected.original_ndcg else corrected
