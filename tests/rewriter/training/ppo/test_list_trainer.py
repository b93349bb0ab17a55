"""PPO on lists with two scorers: vectors, and a cross-encoder; clicks alone say what is wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from untilclick.rewriter.policy.lists.cross_encoder import CrossEncoder
from untilclick.rewriter.training.ppo.list_rewards import ClickRewards
from untilclick.rewriter.training.ppo.list_trainer import CandidateDocuments, ListPPOConfig, ListTrainer
from untilclick.search.click_models.base import NO_DOCUMENT
from untilclick.search.click_models.by_name import click_model

THINGS = ("folder", "bill", "car", "phone", "sofa", "film")
NAMES = ("directory", "invoice", "vehicle", "handset", "couch", "movie")
N = len(THINGS)
USERS = click_model("dbn", "navigational", 1)


def all_documents(rows: np.ndarray) -> CandidateDocuments:
    documents = torch.arange(N).expand(len(rows), -1)
    return CandidateDocuments(documents, torch.ones_like(documents, dtype=torch.bool))


def clicks(*, expected: bool = False, before: int = 0) -> ClickRewards:
    """The document of the same number is wanted."""
    return ClickRewards(USERS, [{row: 1} for row in range(N)], torch.full((N,), before), expected=expected)


def mean_rank(scorer: nn.Module) -> float:
    with torch.no_grad():
        scores = scorer(torch.arange(N), all_documents(np.arange(N)).documents)
    return float((scores > scores.diagonal()[:, None]).sum(1).float().mean()) + 1.0


class OfVectors(nn.Module):
    """A query's vector, adapted, times a document's."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.queries, self.documents = (torch.randn(N, 16, generator=generator) / 4 for _ in range(2))
        self.adapter = nn.Parameter(torch.zeros(16, 16))

    def forward(self, rows: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        adapted = self.queries[rows] + self.queries[rows] @ self.adapter
        return torch.einsum("bd,bcd->bc", adapted, self.documents[documents])


def tokenizer() -> PreTrainedTokenizerFast:
    words = {word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *THINGS, *NAMES))}
    plain = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")


def cross_encoder(seed: int) -> CrossEncoder:
    torch.manual_seed(seed)
    shape = BertConfig(
        vocab_size=4 + 2 * N,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return CrossEncoder(BertForSequenceClassification(shape).eval(), tokenizer(), THINGS, NAMES, 16)


@pytest.mark.parametrize("seed", range(3))
def test_an_adapter_learns_from_clicks(seed):
    scorer = OfVectors(seed)
    start = mean_rank(scorer)
    config = ListPPOConfig(length=3, learning_rate=0.05, seed=seed)
    metrics = ListTrainer(scorer, N, all_documents, clicks(), config).train(60)
    assert mean_rank(scorer) < start
    assert mean_rank(scorer) < 1.4
    assert metrics[-1]["reward_mean"] > metrics[0]["reward_mean"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_cross_encoder_learns_which_words_go_together(seed):
    """No word of a query stands in its document: which go together is nowhere but in the clicks."""
    scorer = cross_encoder(seed)
    assert mean_rank(scorer) > 3.0
    config = ListPPOConfig(length=3, learning_rate=1e-3, lists_per_query=16, temperature=0.25, seed=seed)
    ListTrainer(scorer, N, all_documents, clicks(), config).train(200)
    assert mean_rank(scorer) < 2.0
    with torch.no_grad():
        right, wrong = (scorer.score(list(zip(THINGS, NAMES[n:] + NAMES[:n], strict=True))) for n in (0, 3))
    assert float((right > wrong).float().mean()) > 0.6


def test_a_run_is_that_of_its_seed():
    weights = []
    for _ in range(2):
        scorer = OfVectors(0)
        ListTrainer(scorer, N, all_documents, clicks(), ListPPOConfig(length=3, minibatches=2, seed=7)).train(3)
        weights.append(scorer.adapter.detach())
    assert weights[0].equal(weights[1])


def test_only_shown_documents_are_paid_and_later_queries_less():
    shown, rng = np.array([[1, 0, 2], [2, NO_DOCUMENT, NO_DOCUMENT]]), np.random.default_rng(0)
    first, later = (clicks(expected=True, before=before)(np.array([1]), shown, rng) for before in (0, 2))
    expected = USERS.click_prob(np.array([[1, 0, 0], [0, NO_DOCUMENT, NO_DOCUMENT]]))
    torch.testing.assert_close(first, torch.from_numpy(expected).float())
    torch.testing.assert_close(later, 0.49 * first)
    assert (first[1, 1:] == 0).all()


def test_one_list_has_no_baseline():
    with pytest.raises(ValueError, match="1 lists per query"):
        ListTrainer(OfVectors(0), N, all_documents, clicks(), ListPPOConfig(lists_per_query=1))
