"""Chosen log-probabilities: the same numbers and gradients as the plain way, whatever the size of the blocks."""

from __future__ import annotations

import pytest
import torch

from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.policy import token_log_probs
from untilclick.rewriter.policy.token_log_probs import selected_log_probs

ROWS, TOKENS, WIDTH = 7, 23, 5
BANNED = torch.tensor([0, 2, 21, 22])


def drawn(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, weight and ids that are not banned."""
    generator = torch.Generator().manual_seed(3)
    states = torch.randn(ROWS, WIDTH, generator=generator, dtype=dtype).requires_grad_()
    weight = torch.randn(TOKENS, WIDTH, generator=generator, dtype=dtype).requires_grad_()
    return states, weight, torch.randint(3, 21, (ROWS,), generator=generator)


def plainly(states: torch.Tensor, weight: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    logits = (states @ weight.T).index_fill(1, BANNED, MASKED_LOGIT)
    return torch.log_softmax(logits, dim=-1).gather(1, ids[:, None])[:, 0]


@pytest.mark.parametrize("rows_of_a_block", [1, 3, 7, 100])
def test_values_and_gradients_are_those_of_log_softmax_and_gather(monkeypatch, rows_of_a_block):
    monkeypatch.setattr(token_log_probs, "BLOCK_ELEMENTS", rows_of_a_block * TOKENS)
    upstream = torch.linspace(-1, 2, ROWS)
    results = []
    for way in (plainly, lambda *arguments: selected_log_probs(*arguments, BANNED)):
        states, weight, ids = drawn()
        log_probs = way(states, weight, ids)
        (log_probs * upstream).sum().backward()
        results.append((log_probs.detach(), states.grad, weight.grad))
    for first, second in zip(*results, strict=True):
        assert torch.allclose(first, second, atol=1e-6)
    assert (results[1][2][BANNED] == 0).all()


def test_gradients_are_those_of_finite_differences():
    states, weight, ids = drawn(torch.float64)
    assert torch.autograd.gradcheck(lambda s, w: selected_log_probs(s, w, ids, BANNED), (states, weight))


def test_probabilities_of_all_allowed_tokens_sum_to_1():
    states, weight, _ = drawn()
    allowed = torch.tensor([token for token in range(TOKENS) if token not in BANNED.tolist()])
    with torch.no_grad():
        every = selected_log_probs(states[:1].expand(allowed.numel(), -1), weight, allowed, BANNED)
    assert float(every.exp().sum()) == pytest.approx(1.0, abs=1e-6)
