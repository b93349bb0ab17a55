"""Headline figures and examples of made results."""

from untilclick.rewriter.evaluation.report.highlights import examples_of, headline_cards

from tests.rewriter.evaluation.toy_results import results


def test_examples_are_rewritten_topics_only_largest_gain_first():
    assert [example.row.topic_id for example in examples_of(results(), "ppo")] == ["t0", "t2", "t1"]  # t3: as typed


def test_cards_carry_interval_harm_and_the_share_clicked_at_once():
    cards = headline_cards(results(), "ppo")
    assert [card.value for card in cards] == ["+0.125", "+0.125", "25.0 %", "70.0 %"]
    assert "95 % interval +0.025 to +0.225" in cards[0].detail
    assert "50.0 % without rewriting" in cards[3].detail
    assert [card.tone for card in cards] == ["win", "win", "flat", "win"]
