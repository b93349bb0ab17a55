"""Stage `warm-start`: supervised training on hindsight pairs; its result is the reference model of PPO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from untilclick.rewriter.best_weights import BestWeights
from untilclick.rewriter.callbacks import Progress, Validation
from untilclick.rewriter.config import WarmStartConfig
from untilclick.rewriter.hindsight import TargetMaker
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.policy import PromptBatch, T5Policy, parameter_groups
from untilclick.rewriter.prompts import Prompt, drop_words
from untilclick.rewriter.pseudo_queries import SoftTarget
from untilclick.rewriter.supervised import LinearWarmupDecay, SupervisedLoss, descend, wanted
from untilclick.rewriter.target_texts import target_ids, text_loss
from untilclick.rewriter.term_rewriter import Spelling
from untilclick.rewriter.training_data import LoggedQuery, retrieval_terms


@dataclass(frozen=True)
class Example:
    """A rendered hindsight pair."""

    prompt: Prompt
    target: SoftTarget
    """Over terms."""
    documents: SoftTarget
    """Over rows of the corpus."""


Loss = Callable[[T5Policy, PromptBatch, Sequence[Example]], Tensor]
"""() what is minimised over some examples, whose prompts may have lost words."""


def term_loss(config: WarmStartConfig) -> Loss:
    """The loss of a policy over terms."""
    supervised = SupervisedLoss(t5=0.0, mixture=1.0, documents=config.document_weight)
    return lambda policy, batch, examples: supervised(
        policy, batch, wanted([one.target for one in examples], [one.documents for one in examples])
    )


def loss_of(language: Language, config: WarmStartConfig) -> Loss:
    """The loss of a policy of this language."""
    if isinstance(language, SubwordLanguage):
        return lambda policy, batch, examples: text_loss(
            policy, batch, [target_ids(one.target, language) for one in examples]
        )
    return term_loss(config)


def make_examples(
    pairs: Sequence[LoggedQuery],
    maker: TargetMaker,
    language: Language,
    spelling: Spelling,
    corrector: Spelling | None,
) -> list[Example]:
    """Render pairs and make their targets; pairs that no term helps are left out."""
    examples = []
    for pair in pairs:
        prompt = language.prompt(pair.request, spelling)
        target = maker.target(pair, retrieval_terms(pair.request.query, corrector), prompt.query_ids)
        if target is not None and target.ids.size and not prompt.empty:
            examples.append(Example(prompt, target, maker.documents(pair)))
    return examples


def train_warm_start(
    policy: T5Policy,
    examples: Sequence[Example],
    config: WarmStartConfig,
    validation: Validation,
    progress: Progress | None = None,
    loss: Loss | None = None,
) -> tuple[int, tuple[float, ...]]:
    """Train in place and leave the best epoch's weights; returns that epoch (0: none improved on the start) and the
    validation scores, the first of them before training. The loss is that of terms unless another is given."""
    loss = loss or term_loss(config)
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    groups = parameter_groups(policy, config.learning_rate, config.memory_learning_rate)
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    steps = config.epochs * -(-len(examples) // config.batch_size)
    schedule = LinearWarmupDecay(optimizer, 40, steps, floor=0.05)
    best, done = BestWeights(policy, validation), 0
    for _ in range(config.epochs):
        policy.train()
        order = rng.permutation(len(examples))
        for start in range(0, len(order), config.batch_size):
            batch = [examples[i] for i in order[start : start + config.batch_size]]
            prompts = [drop_words(one.prompt, config.word_dropout, rng) for one in batch]
            value = descend(loss(policy, policy.batch(prompts), batch), policy, optimizer)
            schedule.step()
            done += 1
            if progress is not None:
                progress(done, steps, value)
        policy.eval()
        best.offer()
        if best.stale >= config.patience:
            break
    best.restore()
    return best.epoch, tuple(best.scores)
