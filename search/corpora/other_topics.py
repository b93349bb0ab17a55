"""Topics of another collection over the same documents: queries and judgments of a folder in BEIR's layout.

The folder's own documents are not read. Judgments of documents that the corpus lacks are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.search.corpora.asked import ASKED
from untilclick.search.corpora.beir import judgment_files, read_judgments, read_topics
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Corpus, Topic


@dataclass(frozen=True)
class OtherTopics:
    """One split of the other collection, judged on the documents of a corpus."""

    collection: Collection
    """The corpus with this split alone."""
    n_judgments: int
    """Judgments of the split."""
    n_passed_over: int
    """Those of documents that the corpus lacks."""


def read_other_topics(folder: Path, split: str, corpus: Corpus) -> OtherTopics:
    """The topics of a folder's split. A topic without a relevant document in the corpus is left out.

    Raises DataError for a missing or broken folder, an unknown split, and one without a relevant document of
    the corpus.
    """
    if not folder.is_dir():
        raise DataError.at(folder, None, "no such folder", "Name a folder with queries.jsonl and qrels/<split>.tsv")
    judgments = {name: list(read_judgments(path)) for name, path in judgment_files(folder).items()}
    topics = read_topics(folder, {each.doc_id for of_split in judgments.values() for each in of_split})
    if split not in topics or split == ASKED:  # `asked` names the questions that come with the program
        raise DataError(f"{folder} has no split {split!r}; choose one of: {', '.join(topics)}.")
    known = {document.doc_id for document in corpus.documents}
    judged = tuple(filter(lambda topic: topic.relevance, (_of_corpus(topic, known) for topic in topics[split])))
    if not judged:
        raise DataError(f"Split {split!r} of {folder} has no relevant document in {corpus.source}; name its topics.")
    passed_over = sum(each.doc_id not in known for each in judgments[split])
    return OtherTopics(Collection(corpus, {split: judged}, "real"), len(judgments[split]), passed_over)


def _of_corpus(topic: Topic, known: set[str]) -> Topic:
    return replace(topic, relevance={doc_id: grade for doc_id, grade in topic.relevance.items() if doc_id in known})
