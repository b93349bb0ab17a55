"""The memory of documents: attention, mixture, training, and what it says when served."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.language.vocabulary import PAD_ID
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory, MemorySettings
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms, remember, semantic_keys
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.supervised_loss import SupervisedLoss, target_batch
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.rewriter.training.optimisation import descend

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy

VOCABULARY = 8


def small_memory(sharpness: float = 2.0, share: float = 0.25, neighbours: int = 3) -> DocumentMemory:
    """Three documents in two dimensions; the last one has no terms."""
    ids = torch.tensor([[5, 6], [6, 7], [PAD_ID, PAD_ID]])
    weights = torch.tensor([[0.75, 0.25], [0.5, 0.5], [0.0, 0.0]])
    keys = torch.tensor([[2.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])
    terms = DocumentTerms(torch.tensor([0, 2, 5]), ids, weights)
    return DocumentMemory(terms, keys, MemorySettings(sharpness, share, neighbours))


def banned(*tokens: int) -> torch.Tensor:
    mask = torch.zeros(1, VOCABULARY, dtype=torch.bool)
    mask[0, list(tokens)] = True
    return mask


def test_attention_is_a_softmax_of_cosines():
    state = torch.tensor([[3.0, 0.0]])  # cosines 1, 0, -1 whatever the lengths
    expected = torch.softmax(torch.tensor([[2.0, 0.0, -2.0]]), dim=1)
    assert torch.allclose(small_memory().log_attention(state).exp(), expected)


def test_what_is_recalled_is_the_attended_documents_terms_without_banned_ones():
    memory = small_memory()
    attention = torch.tensor([[0.6, 0.3, 0.1]])
    plain = memory.recall(attention.log(), banned())[0]
    # 5: .6 x .75; 6: .6 x .25 + .3 x .5; 7: .3 x .5; the document without terms says nothing
    assert torch.allclose(plain[5:], torch.tensor([0.45, 0.30, 0.15]) / 0.9)
    without = memory.recall(attention.log(), banned(6))[0]
    assert torch.allclose(without[5:], torch.tensor([0.45, 0.0, 0.15]) / 0.6)
    assert float(memory.recall(attention.log(), banned(5, 6, 7)).sum()) == 0.0


def test_only_the_nearest_documents_are_read():
    probs = small_memory(neighbours=1).recall(torch.tensor([[0.3, 0.6, 0.1]]).log(), banned())[0]
    assert torch.allclose(probs[5:], torch.tensor([0.0, 0.5, 0.5]))


def test_the_mixture_is_a_distribution_and_the_t5_alone_where_nothing_is_recalled():
    memory = small_memory(share=0.25)
    generated = torch.tensor([[0.5, 0.5, 0.0]]).clamp_min(1e-38).log()
    mixed = memory.mix(generated, torch.tensor([[0.0, 0.2, 0.8]])).exp()
    assert torch.allclose(mixed, torch.tensor([[0.375, 0.425, 0.2]]))
    assert torch.allclose(memory.mix(generated, torch.zeros(1, 3)).exp(), generated.exp(), atol=1e-6)


def test_rows_of_the_corpus_are_found_where_they_are_remembered():
    places, weights = small_memory().remembered(torch.tensor([[5, 0], [3, 9]]), torch.full((2, 2), 0.5))
    assert weights.tolist() == [[0.5, 0.5], [0.0, 0.0]]
    assert places[0].tolist() == [2, 0]


def test_documents_are_remembered_by_their_heaviest_terms():
    weights = csr_array(np.array([[0, 1, 3, 0], [0, 0, 0, 0], [2, 2, 4, 8]], dtype=np.float32))
    terms = remember(weights, n_terms=2, most=10)
    assert terms.documents.tolist() == [0, 1, 2]
    assert terms.ids.tolist() == [[2, 1], [PAD_ID, PAD_ID], [3, 2]]
    assert torch.allclose(terms.weights, torch.tensor([[0.75, 0.25], [0.0, 0.0], [8 / 12, 4 / 12]]))
    keys = semantic_keys(terms, torch.eye(4))
    assert torch.allclose(keys[0], torch.tensor([0.0, 0.25, 0.75, 0.0]))


def test_of_a_large_corpus_evenly_spaced_documents_are_remembered():
    terms = remember(csr_array(np.eye(101, dtype=np.float32)), n_terms=1, most=5)
    assert terms.documents.tolist() == [0, 25, 50, 75, 100]
    assert terms.ids[:, 0].tolist() == [0, 25, 50, 75, 100]


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_sequences_are_scored_as_they_were_drawn(opened, decoding):
    policy, vocabulary = toy_policy(opened, decoding)
    shaken(policy)
    batch = policy.batch([prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "moon", "star")])
    rollouts = sample(policy, batch, 20, 3, torch.Generator().manual_seed(0))
    scores = score(policy, batch, rollouts)
    assert torch.allclose(scores.log_probs, rollouts.log_probs, atol=1e-4)


def test_a_policy_without_its_memory_answers_otherwise(opened):
    policy, vocabulary = toy_policy(opened)
    policy.requires_grad_(False)
    batch = policy.batch([prompt_of(vocabulary, "oven")])
    mixed = policy.first_step_log_probs(batch).exp()
    assert float(mixed.sum()) == pytest.approx(1.0, abs=1e-4)
    assert float(mixed[batch.banned].sum()) == 0.0
    memory, policy.memory = policy.memory, None
    alone = policy.first_step_log_probs(batch).exp()
    assert memory is not None
    recalled = memory.recall(memory.log_attention(policy.first_states(batch)), batch.banned)
    assert torch.allclose(mixed, 0.5 * alone + 0.5 * recalled, atol=1e-6)


def test_clicks_teach_which_documents_are_meant(opened):
    """Only the likelihood of the documents is trained: the memory's attention moves to the clicked one."""
    policy, vocabulary = toy_policy(opened)
    assert policy.memory is not None
    batch = policy.batch([prompt_of(vocabulary, "oven")])
    nothing = SoftTarget(np.array([], dtype=np.int64), np.array([], dtype=np.float32))
    goal = target_batch([nothing], [SoftTarget(np.array([7]), np.ones(1, dtype=np.float32))])
    optimizer = torch.optim.AdamW(policy.memory.parameters(), lr=0.05)
    loss_of = SupervisedLoss(t5=0.0, documents=1.0)
    before = policy.memory.log_attention(policy.first_states(batch))[0, 7].detach().exp()
    for _ in range(30):
        descend(loss_of(policy, batch, goal), policy, optimizer)
    after = policy.memory.log_attention(policy.first_states(batch))[0, 7].detach().exp()
    assert float(before) < 0.2
    assert float(after) > 0.8


def test_the_supervised_loss_is_the_sum_of_its_parts(opened):
    policy, vocabulary = toy_policy(opened)
    shaken(policy)
    memory = policy.memory
    assert memory is not None
    batch = policy.batch([prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "moon")])
    term = SoftTarget(np.array([9, 12]), np.array([0.25, 0.75], dtype=np.float32))
    document = SoftTarget(np.array([3]), np.ones(1, dtype=np.float32))
    goal = target_batch([term, term], [document, document])
    states = policy.first_states(batch)
    generated = torch.log_softmax(policy.logits(states, torch.zeros(1, dtype=torch.bool)), dim=-1)
    mixture = memory.mix(generated, memory.recall(memory.log_attention(states), batch.banned))
    parts = [
        float(SupervisedLoss(*weights)(policy, batch, goal).detach())
        for weights in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.5, 1.0, 2.0))
    ]
    assert parts[3] == pytest.approx(0.5 * parts[0] + parts[1] + 2.0 * parts[2], rel=1e-5)
    assert parts[2] == pytest.approx(-float(memory.log_attention(states)[:, 3].mean().detach()), rel=1e-5)
    expected = -(0.25 * mixture[:, 9] + 0.75 * mixture[:, 12]).mean()
    assert parts[1] == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_saved_policy_comes_back_with_its_memory(opened, tmp_path):
    policy, vocabulary = toy_policy(opened)
    assert policy.memory is not None
    with torch.no_grad():
        policy.memory.share_logit.fill_(1.0)
        policy.memory.keys.add_(0.1)
    save_policy(policy, vocabulary, tmp_path)
    again, _ = load_policy(tmp_path)
    assert again.memory is not None
    assert again.memory.settings == policy.memory.settings
    batch = collate([prompt_of(vocabulary, "oven")], len(vocabulary))
    with torch.no_grad():
        assert torch.allclose(again.first_step_log_probs(batch), policy.first_step_log_probs(batch), atol=1e-6)


def test_a_policy_may_have_no_memory(opened, tmp_path):
    policy, vocabulary = toy_policy(opened, memory=False)
    save_policy(policy, vocabulary, tmp_path)
    assert load_policy(tmp_path)[0].memory is None
    batch = policy.batch([prompt_of(vocabulary, "oven")])
    assert float(policy.first_step_log_probs(batch).detach()[batch.banned].max()) <= MASKED_LOGIT / 2
