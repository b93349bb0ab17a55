"""Teaching a subword T5 by texts: the best words of a target, heaviest first, token by token.

Base and warm start share this. What a corpus policy learns as one distribution of its first step is here the text
that says the same; the words of the query itself are not in it, since retrieval keeps them anyway.
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
    """The answer that is wanted, the end token included."""
    heaviest = target.ids[np.argsort(-target.weights, kind="stable")][: language.settings.target_words]
    return language.target(" ".join(language.vocabulary.surface(int(token)) for token in heaviest))


def text_loss(policy: T5Policy, batch: PromptBatch, answers: Sequence[Sequence[int]]) -> Tensor:
    """() cross-entropy of the answers given the prompts, in nats, mean over all their tokens."""
    length = max(len(one) for one in answers)
    ids = torch.tensor([[*one, *[PAD_ID] * (length - len(one))] for one in answers], device=policy.device)
    lengths = torch.tensor([len(one) for one in answers], device=policy.device)
    mask = torch.arange(length, device=policy.device)[None] < lengths[:, None]
    unknown = torch.zeros(ids.shape, device=policy.device)
    wanted = Rollouts(ids, mask, unknown, unknown, ids[:, :0])
    return -score(policy, batch, wanted, distributions=False).log_probs.sum() / mask.sum()
