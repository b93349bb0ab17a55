"""The policy: a T5 with a value head and, if it has one, a document memory. The `corpus` policy is a small T5 over
the index terms of the corpus; a T5 with another vocabulary generates token by token.

A T5 with random weights needs hundreds of thousands of samples before it copies its input. The corpus policy copies
and associates before any training: its embedding is the corpus's latent semantic space, its cross-attention passes
encoder states on unchanged, and every other layer starts small. So the first decoder state is about the mean of the
query's term vectors.

This module knows token ids, log-probabilities and values, but no texts. Shapes: B prompts of S tokens, V tokens of
the vocabulary without outside words, D documents of the memory, width d, sentence vectors of length e.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import EncoderDecoderCache, T5Config, T5ForConditionalGeneration

from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, SPECIAL_TOKENS
from untilclick.rewriter.policy.memory.document_memory import DocumentMemory
from untilclick.rewriter.ppo_config import Decoding


class PromptBatch(NamedTuple):
    """Prompts as tensors."""

    input_ids: Tensor
    """(B, S) int64, padded with PAD_ID."""
    attention_mask: Tensor
    """(B, S) int64, 1 on real tokens."""
    banned: Tensor
    """(B, V) bool, True on tokens that must not be generated: those of the policy and, if tokens are terms, those of
    the query."""
    meaning: Tensor | None = None
    """(B, e) float32 sentence vectors, zero for prompts without texts; None where the policy reads none, as in
    training."""

    def to(self, device: torch.device) -> PromptBatch:
        """The same prompts on a device."""
        return self._map(lambda part: part.to(device))

    def rows(self, index: Tensor) -> PromptBatch:
        """The prompts at positions `index`."""
        return self._map(lambda part: part[index])

    def _map(self, change: Callable[[Tensor], Tensor]) -> PromptBatch:
        meaning = None if self.meaning is None else change(self.meaning)
        return PromptBatch(change(self.input_ids), change(self.attention_mask), change(self.banned), meaning)


TERM_BANS = tuple(range(len(SPECIAL_TOKENS)))
"""Token ids that a policy over terms never generates. Autoregressive decoding adds the end token to its choices."""


def collate(
    prompts: Sequence[Prompt], vocabulary_size: int, banned_ids: Sequence[int] = TERM_BANS, *, over_terms: bool = True
) -> PromptBatch:
    """One or more prompts as tensors, padded to one length. `banned_ids` are banned for all of them; if tokens are
    terms (`over_terms`), each prompt also bans the terms of its query."""
    length = max(len(prompt.ids) for prompt in prompts)
    input_ids = torch.tensor([(*prompt.ids, *[PAD_ID] * (length - len(prompt.ids))) for prompt in prompts])
    banned = torch.zeros(len(prompts), vocabulary_size, dtype=torch.bool)
    banned[:, list(banned_ids)] = True
    for row, prompt in enumerate(prompts if over_terms else ()):
        banned[row, list(prompt.query_ids)] = True
    return PromptBatch(input_ids, (input_ids != PAD_ID).long(), banned)


class FirstStep(NamedTuple):
    """The distribution of the first generated term, and its parts."""

    log_probs: Tensor
    """(B, V) log-probabilities, near `MASKED_LOGIT` for banned terms."""
    recalled: Tensor | None
    """(B, V) distribution of the memory alone; None without a memory."""
    log_attention: Tensor | None
    """(B, D) log p(document | prompt); None without a memory."""


class T5Policy(nn.Module):
    """A T5, a value head on its decoder states, and optionally a memory of the corpus's documents.

    A memory that reads meaning needs `sentences`, which copies of the policy share."""

    banned_ids: Tensor
    """(k,) int64, tokens that are not generated for any prompt."""

    def __init__(
        self,
        t5: T5ForConditionalGeneration,
        decoding: Decoding = "parallel",
        candidates: int = 64,
        banned_ids: Sequence[int] = TERM_BANS,
        n_outside: int = 0,
    ) -> None:
        """`candidates` is the number of best first terms that `parallel` and `autoregressive` decoding draw from. The
        last `n_outside` tokens of the T5 are read and never generated: no distribution is over them. The value head
        starts at zero, memory and sentence vectors are set afterwards."""
        super().__init__()
        self.register_buffer("banned_ids", torch.tensor(banned_ids, dtype=torch.long), persistent=False)
        self.t5 = t5
        self.decoding: Decoding = decoding
        self.candidates = candidates
        self.n_outside = n_outside
        self.memory: DocumentMemory | None = None
        self.sentences: SentenceVectors | None = None
        self.value_head = nn.Linear(t5.config.d_model, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.value_head.weight.device

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids that distributions are over, V."""
        return int(self.t5.config.vocab_size) - self.n_outside

    def batch(self, prompts: Sequence[Prompt]) -> PromptBatch:
        """One or more prompts as tensors on the policy's device, for training: without sentence vectors."""
        over_terms = self.decoding != "tokens"
        batch = collate(prompts, self.vocabulary_size, self.banned_ids.tolist(), over_terms=over_terms)
        return batch.to(self.device)

    def meant_batch(self, prompts: Sequence[Prompt]) -> PromptBatch:
        """The same for reading: with the sentence vectors of the prompts, if the memory reads meaning."""
        batch = self.batch(prompts)
        if self.sentences is None:
            return batch
        return batch._replace(meaning=torch.from_numpy(self.sentences.of(prompts)).to(self.device))

    def encode(self, batch: PromptBatch) -> Tensor:
        """(B, S, d) encoder states."""
        output = self.t5.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        return output.last_hidden_state  # type: ignore[no-any-return]

    def decode(self, encoded: Tensor, attention_mask: Tensor, decoder_ids: Tensor) -> Tensor:
        """(B, T, d) decoder states after each of the decoder inputs (B, T), from encoder states (B, S, d) and their
        mask (B, S). Causal: a state depends on inputs up to its own."""
        output = self.t5.decoder(
            input_ids=decoder_ids,
            encoder_hidden_states=encoded,
            encoder_attention_mask=attention_mask,
            use_cache=False,
        )
        return output.last_hidden_state  # type: ignore[no-any-return]

    def next_states(
        self, encoded: Tensor, attention_mask: Tensor, last_ids: Tensor, cache: EncoderDecoderCache
    ) -> Tensor:
        """(B, d) decoder states after one more decoder input (B, 1). `cache` holds keys and values of the earlier
        inputs, and gets those of the new one."""
        output = self.t5.decoder(
            input_ids=last_ids,
            encoder_hidden_states=encoded,
            encoder_attention_mask=attention_mask,
            past_key_values=cache,
            use_cache=True,
        )
        return output.last_hidden_state[:, -1]  # type: ignore[no-any-return]

    def first_states(self, batch: PromptBatch) -> Tensor:
        """(B, d) decoder states of the first step."""
        start = torch.full((batch.input_ids.shape[0], 1), PAD_ID, device=batch.input_ids.device)
        return self.decode(self.encode(batch), batch.attention_mask, start)[:, 0]

    def logits(self, states: Tensor, banned: Tensor) -> Tensor:
        """(..., V) next-token logits of decoder states (..., d), `MASKED_LOGIT` where `banned` (..., V) is True."""
        scaled = self.scaled(states)
        if self.n_outside:
            logits = functional.linear(scaled, self.t5.lm_head.weight[: self.vocabulary_size])
        else:
            logits = self.t5.lm_head(scaled)
        return logits.masked_fill(banned, MASKED_LOGIT)

    def scaled(self, states: Tensor) -> Tensor:
        """(..., d) decoder states as input of the output layer: a T5 with tied embeddings scales them by 1/sqrt(d), a
        T5 with a separate output layer (T5 1.1, Flan-T5) does not."""
        config = self.t5.config
        # transformers 5 has a setting for this; before, tied embeddings implied it.
        scales = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
        return states * config.d_model**-0.5 if scales else states

    def first_step_log_probs(self, batch: PromptBatch) -> Tensor:
        """(B, V) log-probabilities of the first generated term, near `MASKED_LOGIT` for banned terms."""
        return self.first_step(self.first_states(batch), batch).log_probs

    def first_step(self, states: Tensor, batch: PromptBatch) -> FirstStep:
        """The distribution of the first term from the first states (B, d) of a batch, without its banned terms: the
        T5's distribution, mixed with the memory's if there is a memory."""
        banned = batch.banned  # (B, V)
        generated = torch.log_softmax(self.logits(states, banned), dim=-1)  # (B, V)
        if self.memory is None:
            return FirstStep(generated, None, None)
        log_attention = self.memory.log_attention(states, batch.meaning)  # (B, D)
        recalled = self.memory.recall(log_attention, banned)  # (B, V)
        # Masked again, since the mixture lifts every probability to at least TINY.
        mixed = self.memory.mix(generated, recalled).masked_fill(banned, MASKED_LOGIT)  # (B, V)
        return FirstStep(mixed, recalled, log_attention)

    def values(self, states: Tensor) -> Tensor:
        """(...) predicted returns of decoder states (..., d). States are detached, so that the T5 learns from rewards
        alone and an error of the value cannot move the policy."""
        return self.value_head(states.detach()).squeeze(-1)  # type: ignore[no-any-return]


@torch.no_grad()
def read_outside(policy: T5Policy, rows: Tensor) -> None:
    """Make the policy read outside words with the embeddings `rows` (n, d), in place of those that it reads."""
    size = policy.vocabulary_size
    with torch.random.fork_rng(devices=[]):  # the new rows are drawn at random before they are set
        policy.t5.resize_token_embeddings(size + len(rows), mean_resizing=False)
    policy.t5.shared.weight[size:] = rows
    policy.n_outside = len(rows)


def parameter_groups(policy: T5Policy, learning_rate: float, memory_learning_rate: float) -> list[dict[str, Any]]:
    """Parameter groups for AdamW and similar optimisers: the T5's weights and, without weight decay, the memory's.
    The value head is in neither."""
    groups: list[dict[str, Any]] = [{"params": list(policy.t5.parameters()), "lr": learning_rate}]
    if policy.memory is not None:
        memory = list(policy.memory.parameters())
        groups.append({"params": memory, "lr": memory_learning_rate, "weight_decay": 0.0})
    return groups


def build_policy(config: PolicyConfig, vectors: Tensor) -> T5Policy:
    """A `corpus` policy with the embedding `vectors` (V, d_model), started as identity; the seed of the configuration
    draws the other weights."""
    t5_config = T5Config.from_dict(
        {
            "vocab_size": vectors.shape[0],
            "d_model": config.d_model,
            "d_kv": config.d_kv,
            "d_ff": config.d_ff,
            "num_layers": config.encoder_layers,
            "num_decoder_layers": config.decoder_layers,
            "num_heads": config.d_model // config.d_kv,
            "dropout_rate": config.dropout,
            "feed_forward_proj": "gated-gelu",
            "decoder_start_token_id": PAD_ID,
            "pad_token_id": PAD_ID,
            "eos_token_id": EOS_ID,
            "tie_word_embeddings": True,
        }
    )
    with torch.random.fork_rng(devices=[]):  # leaves the global generator as it was
        torch.manual_seed(config.seed)
        policy = T5Policy(T5ForConditionalGeneration(t5_config), config.decoding, config.candidates)
    with torch.no_grad():
        policy.t5.shared.weight.copy_(vectors)
    identity_start(policy.t5, config.identity_scale)
    return policy


@torch.no_grad()
def identity_start(t5: T5ForConditionalGeneration, scale: float) -> None:
    """Make the untrained network pass its input on. V and O of the cross-attention become the identity, and its Q is
    multiplied by `scale`, so that attention starts near uniform. The outputs of every self-attention and feed-forward
    layer and the start token's embedding are multiplied by `scale` as well."""
    for block in [*t5.encoder.block, *t5.decoder.block]:
        block.layer[0].SelfAttention.o.weight.mul_(scale)
        block.layer[-1].DenseReluDense.wo.weight.mul_(scale)
    for name, weight in t5.decoder.named_parameters():
        if name.endswith(("EncDecAttention.v.weight", "EncDecAttention.o.weight")):
            weight.copy_(torch.eye(*weight.shape))
        elif name.endswith("EncDecAttention.q.weight"):
            weight.mul_(scale)
    t5.shared.weight[PAD_ID].mul_(scale)
