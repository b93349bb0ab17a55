"""The policy: a T5 with a value head. Its `corpus` kind is a small T5 whose words are the corpus's own index terms;
any T5 of another vocabulary is generated from token by token.

A fresh T5 needs 100,000s of samples before it copies its input. The corpus kind copies and associates before any
training: its embedding is the corpus's latent semantic space, its cross-attention passes encoder states through
unchanged and every other layer starts small, so that the first decoder state is about the mean of the query's term
vectors.
Tokens, prompts and text are not known here: ids come in, log-probabilities and values go out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache, T5Config, T5ForConditionalGeneration

from untilclick.rewriter.config import Decoding, PolicyConfig
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, SPECIAL_TOKENS
from untilclick.rewriter.policy.document_memory import DocumentMemory


class PromptBatch(NamedTuple):
    """Prompts as tensors."""

    input_ids: Tensor
    """(B, S) int64, padded with PAD_ID."""
    attention_mask: Tensor
    """(B, S) int64, 1 on real tokens."""
    banned: Tensor
    """(B, V) bool, tokens never generated: the policy's own and, where tokens are terms, the query's."""

    def to(self, device: torch.device) -> PromptBatch:
        """The same prompts on a device."""
        return PromptBatch(*(part.to(device) for part in self))

    def rows(self, index: Tensor) -> PromptBatch:
        """The prompts at these positions."""
        return PromptBatch(self.input_ids[index], self.attention_mask[index], self.banned[index])


TERM_BANS = tuple(range(len(SPECIAL_TOKENS)))
"""What a policy over terms never generates, the end token apart, which its decoding allows for itself."""


def collate(
    prompts: Sequence[Prompt], vocabulary_size: int, banned_ids: Sequence[int] = TERM_BANS, *, over_terms: bool = True
) -> PromptBatch:
    """Pad prompts to one length; at least one prompt. `over_terms` says that tokens are terms, so that those of the
    query can be banned."""
    length = max(len(prompt.ids) for prompt in prompts)
    input_ids = torch.tensor([(*prompt.ids, *[PAD_ID] * (length - len(prompt.ids))) for prompt in prompts])
    banned = torch.zeros(len(prompts), vocabulary_size, dtype=torch.bool)
    banned[:, list(banned_ids)] = True
    for row, prompt in enumerate(prompts if over_terms else ()):
        banned[row, list(prompt.query_ids)] = True
    return PromptBatch(input_ids, (input_ids != PAD_ID).long(), banned)


class FirstStep(NamedTuple):
    """The first generated term."""

    log_probs: Tensor
    """(B, V), banned terms near `MASKED_LOGIT`."""
    recalled: Tensor | None
    """(B, V) what the memory alone says; None without one."""
    log_attention: Tensor | None
    """(B, D) log p(document | prompt); None without a memory."""


class T5Policy(nn.Module):
    """A T5, a value head on its decoder states, and perhaps a memory of the corpus's documents."""

    banned_ids: Tensor
    """(k,) int64, tokens never generated whatever the prompt."""

    def __init__(
        self,
        t5: T5ForConditionalGeneration,
        decoding: Decoding = "parallel",
        candidates: int = 64,
        banned_ids: Sequence[int] = TERM_BANS,
    ) -> None:
        super().__init__()
        self.register_buffer("banned_ids", torch.tensor(banned_ids, dtype=torch.long), persistent=False)
        self.t5 = t5
        self.decoding: Decoding = decoding
        self.candidates = candidates
        self.memory: DocumentMemory | None = None
        self.value_head = nn.Linear(t5.config.d_model, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.value_head.weight.device

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids."""
        return int(self.t5.config.vocab_size)

    def batch(self, prompts: Sequence[Prompt]) -> PromptBatch:
        """Prompts as this policy reads them, on its device; at least one."""
        over_terms = self.decoding != "tokens"
        batch = collate(prompts, self.vocabulary_size, self.banned_ids.tolist(), over_terms=over_terms)
        return batch.to(self.device)

    def encode(self, batch: PromptBatch) -> Tensor:
        """(B, S, d) encoder states."""
        output = self.t5.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        return output.last_hidden_state  # type: ignore[no-any-return]

    def decode(self, encoded: Tensor, attention_mask: Tensor, decoder_ids: Tensor) -> Tensor:
        """(B, T, d) decoder states after each of the T decoder inputs; causal."""
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
        """(B, d) decoder state after one more decoder input (B, 1); `cache` holds those before and takes it in."""
        output = self.t5.decoder(
            input_ids=last_ids,
            encoder_hidden_states=encoded,
            encoder_attention_mask=attention_mask,
            past_key_values=cache,
            use_cache=True,
        )
        return output.last_hidden_state[:, -1]  # type: ignore[no-any-return]

    def first_states(self, batch: PromptBatch) -> Tensor:
        """(B, d) decoder state of the first step."""
        start = torch.full((batch.input_ids.shape[0], 1), PAD_ID, device=batch.input_ids.device)
        return self.decode(self.encode(batch), batch.attention_mask, start)[:, 0]

    def logits(self, states: Tensor, banned: Tensor) -> Tensor:
        """(..., V) next-term logits of decoder states (..., d), `banned` (..., V) masked."""
        return self.t5.lm_head(self.scaled(states)).masked_fill(banned, MASKED_LOGIT)  # type: ignore[no-any-return]

    def scaled(self, states: Tensor) -> Tensor:
        """Decoder states as the output layer takes them: a T5 with tied embeddings scales them by 1/sqrt(d), one
        with an output layer of its own (T5 1.1, Flan-T5) does not."""
        config = self.t5.config
        scales = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)  # named since transformers 5
        return states * config.d_model**-0.5 if scales else states

    def first_step_log_probs(self, batch: PromptBatch) -> Tensor:
        """(B, V) log-probabilities of the first generated term; banned tokens near `MASKED_LOGIT`."""
        return self.first_step(self.first_states(batch), batch.banned).log_probs

    def first_step(self, states: Tensor, banned: Tensor) -> FirstStep:
        """The distribution of the first term from states (B, d), terms `banned` (B, V) left out: the T5's, mixed with
        the memory's where there is one."""
        own = torch.log_softmax(self.logits(states, banned), dim=-1)
        if self.memory is None:
            return FirstStep(own, None, None)
        log_attention = self.memory.log_attention(states)
        recalled = self.memory.recall(log_attention, banned)
        mixed = self.memory.mix(own, recalled).masked_fill(banned, MASKED_LOGIT)
        return FirstStep(mixed, recalled, log_attention)

    def values(self, states: Tensor) -> Tensor:
        """(...,) predicted return of decoder states (..., d). States are detached: the trunk learns from rewards
        alone, so that a value error cannot move the policy."""
        return self.value_head(states.detach()).squeeze(-1)  # type: ignore[no-any-return]


def parameter_groups(policy: T5Policy, learning_rate: float, memory_learning_rate: float) -> list[dict[str, Any]]:
    """The T5's weights and, decayed by nothing, the memory's, as an optimiser of AdamW's kind takes them."""
    groups: list[dict[str, Any]] = [{"params": list(policy.t5.parameters()), "lr": learning_rate}]
    if policy.memory is not None:
        memory = list(policy.memory.parameters())
        groups.append({"params": memory, "lr": memory_learning_rate, "weight_decay": 0.0})
    return groups


def build_policy(config: PolicyConfig, vectors: Tensor) -> T5Policy:
    """A policy with the given (V, d_model) embedding, started as identity."""
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        policy = T5Policy(T5ForConditionalGeneration(t5_config), config.decoding, config.candidates)
    with torch.no_grad():
        policy.t5.shared.weight.copy_(vectors)
    identity_start(policy.t5, config.identity_scale)
    return policy


@torch.no_grad()
def identity_start(t5: T5ForConditionalGeneration, scale: float) -> None:
    """Make the untrained network pass its input on: cross-attention V and O the identity and its Q times `scale`, so
    that attention starts near uniform; every self-attention and feed-forward output and the start token's embedding
    times `scale`."""
    for block in [*t5.encoder.block, *t5.decoder.block]:
        block.layer[0].SelfAttention.o.weight.mul_(scale)
        block.layer[-1].DenseReluDense.wo.weight.mul_(scale)
    for name, weight in t5.decoder.named_parameters():
        if name.endswith(("EncDecAttention.v.weight", "EncDecAttention.o.weight")):
            weight.copy_(torch.eye(*weight.shape))
        elif name.endswith("EncDecAttention.q.weight"):
            weight.mul_(scale)
    t5.shared.weight[PAD_ID].mul_(scale)
