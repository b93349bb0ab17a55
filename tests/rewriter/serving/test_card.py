"""The model card of a bundle."""

import pytest

from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Evidence, Finding, LearnedWords, Verdict
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.serving.blend import COLD_START
from untilclick.rewriter.serving.bundle import BundleManifest
from untilclick.rewriter.serving.card import card_of
from untilclick.search.text.encoders.encoder import EncoderCard

SPLIT = SplitRecord("k", 900, 700, 420, 12, 0, 3)
BETTER = Finding(AS_TYPED, Verdict.BETTER, "nDCG@10", 0.04, (0.02, 0.06), 0.001, 0.063, 200, 84)
UNKNOWN = Finding.unknown(UNTRAINED, "there are 12 needs to judge by, and a verdict takes 30")
ENCODER = EncoderCard("some/encoder", 8, "d" * 64, "Apache-2.0", ("questions", "answers"), 256, "e" * 64, "to int8")


def manifest(**values):
    fixed = {"version": "v", "blend": COLD_START, "data": "docs.jsonl", "fingerprint": "f" * 16, "figures": {}}
    return BundleManifest(**fixed, quantization="int8", created="2026-01-01", checksums={}, analysis="2-en", **values)


def test_it_says_what_was_learned_from_and_what_that_is_worth():
    card = card_of(manifest(use=Use.LEARNED, evidence=Evidence(SPLIT, BETTER, UNKNOWN, UNKNOWN)))
    assert "It has learned from search sessions, and answers all queries" in card
    assert "`docs.jsonl`, fingerprint ffffffffffffffff, in English" in card
    assert "700 sessions with a click or a topic state 420 needs" in card
    assert "Better than the query as typed: nDCG@10 +0.040 on 200 queries of 84 needs" in card
    assert "Cannot say whether it is better than the untrained rewriter: there are 12 needs" in card
    assert "6.3% of the queries rank worse than as typed" in card


def test_it_names_the_words_that_what_was_learned_answers():
    words = LearnedWords(("hoover",), ("frusk",))
    card = card_of(manifest(use=Use.WORDS, evidence=Evidence(SPLIT, BETTER, UNKNOWN, UNKNOWN, words=words)))
    assert "answers queries of nothing but some words that no document holds" in card
    assert "- For hoover it finds what visitors clicked" in card


def test_it_names_the_encoder_its_licence_and_what_that_was_trained_on():
    card = card_of(manifest(use=Use.UNTRAINED, encoder=ENCODER))
    assert "some/encoder, 8 dimensions; to int8." in card
    assert "Apache-2.0" in card
    assert "Trained on: questions, answers. Figures on data of these kinds flatter it." in card
    assert "d" * 64 in card
    assert "from no search session" in card


@pytest.mark.parametrize("kind", ["terms", "subwords", "mean"])
def test_equal_bundles_have_equal_cards(kind):
    first, later = (card_of(manifest(kind=kind, use=Use.UNTRAINED)) for _ in range(2))
    assert first == later
    assert "2026" not in first
    assert "encoder" not in first
