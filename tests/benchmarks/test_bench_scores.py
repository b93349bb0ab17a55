"""The comparison of ways to learn scores, on toys."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch

from untilclick.search.click_models.by_name import click_model
from untilclick.search.records import Topic

from benchmarks.bench_scores import PICKED, POLICY, Run, Trial, crossed, print_table, rows_of
from benchmarks.score_ground import ClickOracle, Ground, Queries
from benchmarks.score_methods import (
    Evidence,
    by_rank,
    drawn_lists,
    fused_scores,
)


def test_first_documents_are_drawn_in_proportion():
    scores = torch.tensor([[*[0.0] * 10, 1.0]])
    lists = drawn_lists(scores.expand(4_000, -1), 2, torch.Generator().manual_seed(0))
    z = (scores - scores.mean()) / (scores.std() + 1e-6) / 0.3
    expected = torch.softmax(z, 1)[0, 10].item()
    assert (lists[:, :, 0] == 10).float().mean().item() == pytest.approx(expected, abs=0.005)
    assert all(len(set(each.tolist())) == 10 for each in lists[:5, 0])


def test_a_click_counts_less_further_down():
    torch.testing.assert_close(by_rank(torch.tensor([[1.0, 0.0, 1.0]])), torch.tensor([[1.0, 0.0, 0.5]]))


def test_users_click_on_what_is_shown_by_its_grade_and_never_twice_alike():
    oracle = ClickOracle(np.array([[0, 2, 0]] * 2_000), click_model("dbn", "perfect", 2))
    shown = np.tile([2, 1], (2_000, 1))
    clicks = oracle.clicks(shown, np.random.default_rng(0))
    assert not clicks[:, 0].any()
    assert clicks[:, 1].mean() == pytest.approx(0.9, abs=0.03)  # .9 go on to the second rank
    assert np.array_equal(clicks, oracle.clicks(shown, np.random.default_rng(0)))


def test_evidence_of_what_was_never_shown_is_zero():
    evidence = Evidence(torch.Size([1, 3]))
    for click in (1.0, 0.0):
        evidence.add(torch.tensor([[2, 0]]), torch.tensor([[click, 0.0]]))
    torch.testing.assert_close(evidence.gains(), torch.tensor([[0.0, 0.0, 1 / 3]]))


def test_fusion_adds_reciprocal_ranks():
    fused = fused_scores([torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[1.0, 3.0, 2.0]])])
    torch.testing.assert_close(fused, torch.tensor([[1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62]]))


def test_what_is_measured_on_a_half_is_picked_on_the_other():
    half = np.array([True, True, False, False])
    one, other = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.2, 0.2])
    chosen, _ = crossed({"one": (one, one), "other": (other, other)}, half)
    assert chosen.tolist() == [0.0] * 4  # each is picked where it does not count


def test_rows_have_the_policy_gradient_less_each_method_and_a_picked_rival():
    ndcg = np.linspace(0, 1, 40)
    runs = [{POLICY: Run([(ndcg, ndcg)]), "weak": Run([(ndcg - 0.1, ndcg)]), "strong": Run([(ndcg + 0.1, ndcg)])}]
    rows = {row.method: row for row in rows_of(runs, np.arange(40))}
    assert rows["weak"].less == pytest.approx(0.1)
    assert rows[PICKED].less == pytest.approx(-0.1) == rows["strong"].less


@pytest.mark.parametrize(("learn_from", "names"), [("clicks", ["a", "b", "c"]), ("judgments", ["a"])])
def test_every_method_learns_in_every_table_from_as_many_lists(learn_from, names, capsys):
    ground = _toy_ground()
    options = argparse.Namespace(learn_from=learn_from, rounds=2, lists=2, epochs=1, learning_rate=0.05)
    tables = Trial(ground, ground.grades, options, 0).tables()
    assert list(tables) == names
    start = tables["a"]["BM25 + encoder, untrained"].measured[0][0]
    for name, runs in tables.items():
        trained = {method: run for method, run in runs.items() if len(run.measured) > 1}
        assert len(trained) == 5
        assert {len(run.measured) for run in trained.values()} == {4}
        assert {run.shown for run in trained.values()} == {0 if name == "a" else 4 * len(ground.train)}
        assert all(np.array_equal(run.measured[0][0], start) for run in trained.values())
        print_table(name, rows_of([runs], ground.needs), 1)
    learned = tables["a"]["InfoNCE over candidates"].measured
    assert learned[-1][0].mean() > learned[0][0].mean()
    assert "policy gradient" in capsys.readouterr().out


def _toy_ground() -> Ground:
    """Forty queries of four kinds, each of which wants three of twelve documents; the vectors know nothing of it."""
    generator = torch.Generator().manual_seed(0)
    documents = torch.nn.functional.normalize(torch.randn((12, 8), generator=generator), dim=1)
    kinds = torch.nn.functional.normalize(torch.randn((4, 8), generator=generator), dim=1).repeat(10, 1)
    doc_ids = [str(place) for place in range(12)]
    topics = [Topic(str(i), f"query {i}", {str(3 * (i % 4) + j): 1 for j in range(3)}) for i in range(40)]
    candidates = torch.arange(12).expand(40, -1)
    queries = Queries(topics, kinds, candidates, torch.rand((40, 12), generator=generator))
    grades = np.array([[topic.relevance.get(doc_id, 0) for doc_id in doc_ids] for topic in topics])
    return Ground(documents, doc_ids, queries, queries, grades, np.arange(40))
