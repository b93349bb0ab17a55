"""The model card of a bundle: what it is, what it was trained on, what it is worth, and whose weights it carries.

The headings follow Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterator

from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.sentences import few_needs, of_split, of_words, sentence
from untilclick.rewriter.serving.bundle import BundleManifest
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.analysis.languages import in_words
from untilclick.search.text.encoders.encoder import EncoderCard

CARD_FILE = "README.md"

_USES = {
    Use.LEARNED: "It has learned from search sessions, and answers all queries with what it has learned.",
    Use.RETURNING: "It has learned from search sessions. What it has learned answers queries that return; the "
    "untrained rewriter inside answers all others.",
    Use.WORDS: "It has learned from search sessions. What it has learned answers queries of nothing but some words "
    "that no document holds; the untrained rewriter inside answers all others.",
    Use.UNTRAINED: "It has learned from the documents alone, from no search session.",
    Use.NOTHING: "",
}


def card_of(manifest: BundleManifest) -> str:
    """The card of a bundle as Markdown."""
    sections = {
        "Model": _model(manifest),
        "Training data": _data(manifest),
        "Figures": _figures(manifest),
        "Sentence encoder": _encoder(manifest.encoder),
        "Use": _use(manifest),
    }
    texts = (f"## {title}\n\n" + "\n".join(lines) for title, content in sections.items() if (lines := list(content)))
    return "# Query rewriter\n\n" + "\n\n".join(texts) + "\n"


def _model(manifest: BundleManifest) -> Iterator[str]:
    kinds = {
        "terms": "a small T5 over the index terms of the documents, with a memory of the documents",
        "subwords": "a pretrained T5 over subwords",
        "mean": "the mean of several small T5 over the index terms of the documents",
    }
    yield f"Rewrites search queries for a BM25 engine: {kinds[manifest.kind]}. {_USES[manifest.use]}"
    yield f"Weights in {manifest.quantization}."


def _data(manifest: BundleManifest) -> Iterator[str]:
    languages = in_words(analysis_by_name(manifest.analysis).languages)
    yield f"- Documents: `{manifest.data}`, fingerprint {manifest.fingerprint}, in {languages}."
    if manifest.evidence is not None:
        yield f"- Sessions: {of_split(manifest.evidence.split)}"
        if few := few_needs(manifest.evidence):
            yield f"- {few}"
        yield (
            "- The vocabulary holds words of the documents, and may hold words that several visitors have typed. No "
            "query and no session is inside."
        )


def _figures(manifest: BundleManifest) -> Iterator[str]:
    evidence = manifest.evidence
    if evidence is None:
        yield "Nothing was measured on search sessions."
        return
    yield "Measured on information needs that the judged weights have not learned from:"
    yield ""
    findings = (evidence.typed, evidence.untrained, evidence.before, evidence.returning)
    for finding in filter(None, findings):
        yield f"- {sentence(finding)}"
    if evidence.words is not None:
        yield f"- {of_words(evidence.words)}"
    yield f"- {evidence.typed.harmed_share:.1%} of the queries rank worse than as typed."
    if manifest.asked:
        yield "- An operator asked for this use against the gate."


def _encoder(card: EncoderCard | None) -> Iterator[str]:
    if card is None:
        return
    yield f"- {card.name}, {card.dimension} dimensions; {card.changes or 'unchanged'}."
    yield f"- Licence of its weights: {card.licence}. The text is in `encoder/LICENSE.txt`."
    trained_on = ", ".join(card.trained_on) or "its authors do not say on what"
    yield f"- Trained on: {trained_on}. Figures on data of these kinds flatter it."
    origin = card.origin or "not known"
    yield f"- SHA-256 of its files: {card.digest}; of the weights that they were made from: {origin}."


def _use(manifest: BundleManifest) -> Iterator[str]:
    yield f"`untilclick serve --data {manifest.data} --bundle FOLDER` serves it, `untilclick search` asks one query."
    yield "It knows the documents above. For others, or after most of them have changed, train it again."
