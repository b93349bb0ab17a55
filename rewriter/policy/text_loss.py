"""The loss of a subword T5 in base and warm start: cross-entropy of the target's best words as a text.

The corpus policy learns a target as the distribution of its first step; a subword T5 learns it as a text. The text
does not contain the words of the query, because retrieval keeps them anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from untilclick.rewriter.language.language import SubwordLanguage
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.language.vocabulary import PAD_ID
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.sequences import Rollouts
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy


def target_ids(target: SoftTarget, language: SubwordLanguage) -> tuple[int, ...]:
    """The text of the heaviest words of a target as token ids, the end token included."""
    heaviest = target.ids[np.argsort(-target.weights, kind="stable")][: language.settings.target_words]
    return language.target(" ".join(language.vocabulary.surface(int(token)) for token in heaviest))


def text_loss(policy: T5Policy, batch: PromptBatch, targets: Sequence[Sequence[int]]) -> Tensor:
    """() cross-entropy of the target token ids of B prompts, in nats, mean over all their tokens."""
    length = max(len(target) for target in targets)
    ids = torch.tensor([[*target, *[PAD_ID] * (length - len(target))] for target in targets], device=policy.device)
    lengths = torch.tensor([len(target) for target in targets], device=policy.device)  # (B,)
    mask = torch.arange(length, device=policy.device)[None] < lengths[:, None]  # (B, T)
    unused = torch.zeros(ids.shape, device=policy.device)  # the scorer reads ids and mask alone
    texts = Rollouts(ids, mask, unused, unused, ids[:, :0])
    return -score(policy, batch, texts, distributions=False).log_probs.sum() / mask.sum()
