"""Rankings by candidates are those of all documents."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from untilclick.rewriter.training import weighted_sums
from untilclick.rewriter.training.weighted_sums import Part, WeightedSums

N_QUERIES, N_DOCUMENTS, DEPTH = 40, 60, 5
WEIGHTS = [(0.5, 0.3, 0.2), (1.0, 0.0, 0.0), (0.0, 0.2, 0.8), (0.1, 0.6, 0.3)]


class Ranker:
    """Ranks by scores, then by places, and counts the queries."""

    n_ranked = 0

    def __call__(self, scores, k):
        self.n_ranked += scores.shape[0]
        order = np.argsort(-scores.numpy(), axis=1, kind="stable")[:, :k]
        return np.where(np.take_along_axis(scores.numpy(), order, 1) > 0, order, -1)


def drawn(rng, kind):
    """(B, D) scores: all different, of few values, or mostly 0."""
    scores = rng.uniform(size=(N_QUERIES, N_DOCUMENTS)).astype(np.float32) ** 2
    if kind == "tied":
        scores = np.ceil(scores * 4) / 4
    elif kind == "sparse":
        scores *= rng.uniform(size=scores.shape) < 0.08
    return torch.from_numpy(scores)


def weights_of(each, rng):
    """Weights (B, 1), different for every query."""
    noise = rng.uniform(0.9, 1.1, size=(N_QUERIES, 1)).astype(np.float32)
    return [torch.from_numpy(weight * noise) for weight in each]


@pytest.mark.parametrize("candidates", [2, 6, 20, 100])
@pytest.mark.parametrize("kind", ["different", "tied", "sparse"])
def test_the_candidates_lead_to_the_grades_of_a_ranking_of_all_documents(kind, candidates, monkeypatch):
    monkeypatch.setattr(weighted_sums, "CANDIDATES", candidates)
    monkeypatch.setattr(weighted_sums, "BLOCK", 7)
    rng = np.random.default_rng(candidates)
    grades = np.arange(1, 1 + N_QUERIES * N_DOCUMENTS, dtype=np.float32).reshape(N_QUERIES, -1)  # tells them apart
    parts = [Part(drawn(rng, kind)) for _ in range(3)]
    sums = WeightedSums(parts, grades, Ranker())
    for each in WEIGHTS:
        weights = weights_of(each, rng)
        total = sum(weight * part.scores for weight, part in zip(weights, parts, strict=True)).numpy()
        order = np.argsort(-total, axis=1, kind="stable")[:, :DEPTH]
        plain = np.take_along_axis(grades, order, 1) * (np.take_along_axis(total, order, 1) > 0)
        assert (sums.grades(weights, DEPTH) == plain).all()
        assert (sums.grades_by_candidates(weights, DEPTH) == plain).all()


def test_few_queries_are_ranked_among_all_documents(monkeypatch):
    monkeypatch.setattr(weighted_sums, "CANDIDATES", 14)
    rng = np.random.default_rng(0)
    rank = Ranker()
    sums = WeightedSums([Part(drawn(rng, "different")) for _ in range(3)], np.ones((N_QUERIES, N_DOCUMENTS)), rank)
    for each in WEIGHTS:
        sums.grades_by_candidates(weights_of(each, rng), DEPTH)
    assert 0 < rank.n_ranked < 0.3 * len(WEIGHTS) * N_QUERIES


def test_more_ranks_than_candidates_or_documents_are_filled_up(monkeypatch):
    scores = torch.tensor([[0.2, 0.0, 0.5]])
    grades = np.array([[1, 2, 3]], dtype=np.float32)
    for candidates in (1, 3):
        monkeypatch.setattr(weighted_sums, "CANDIDATES", candidates)
        sums = WeightedSums(
            [Part(scores)],
            grades,
            lambda scores, k: np.pad(Ranker()(scores, k), ((0, 0), (0, 2)), constant_values=-1),
        )
        for ranked in (sums.grades, sums.grades_by_candidates):
            assert ranked([torch.ones(1, 1)], 5).tolist() == [[3, 1, 0, 0, 0]]


def test_without_queries_there_are_no_grades():
    empty = np.zeros((0, 4), dtype=np.float32)
    sums = WeightedSums([Part(torch.from_numpy(empty))], empty, Ranker())
    assert sums.grades([torch.ones(0, 1)], 2).shape == (0, 2)
