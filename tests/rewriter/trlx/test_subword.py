"""PPO in trlX on a pretrained subword T5, with a reward that reads texts."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from transformers import T5ForConditionalGeneration

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.policy.subword import load_subword, save_subword
from untilclick.rewriter.ppo_config import PPOConfig

from tests.rewriter.toy_learning import THEMES
from tests.rewriter.toy_subword import toy_subword

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]

WORDS = frozenset(" ".join(THEMES.values()).split())
SETTINGS = changed(
    PPOConfig(),
    prompts_per_iteration=6,
    samples_per_prompt=8,
    terms=4,
    epochs=2,
    iterations=150,
    learning_rate=4e-3,
    value_learning_rate=4e-3,
    kl_coef=0.0,
    kl_placement="reward",
    average_decay=0.0,
    validate_every=50,
    checkpoint_every=1000,
)


def share_of_known_words(outputs, **others) -> list[float]:
    return [len(set(text.split()) & WORDS) / 4 for text in outputs]


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def trained(tmp_path):
    """A trainer after training, and the folder of its best weights."""
    from trlx import train

    from untilclick.rewriter.trlx import trainer as trlx_trainer
    from untilclick.rewriter.trlx.best import BEST_FOLDER
    from untilclick.rewriter.trlx.config import trlx_config

    folder = tmp_path / "t5"
    folder.mkdir()
    save_subword(*toy_subword(), folder)
    config = trlx_config(SETTINGS, folder, tmp_path / "checkpoints")
    prompts = [" ".join(theme.split()[:2]) for theme in THEMES.values()]
    trainer = train(reward_fn=share_of_known_words, prompts=prompts, eval_prompts=prompts, config=config)
    assert isinstance(trainer, trlx_trainer.RewriterPPOTrainer)
    return trainer, tmp_path / "checkpoints" / BEST_FOLDER


def test_a_subword_t5_learns_from_texts_and_loads_as_a_t5(trained):
    trainer, best = trained
    assert trainer.progress.best.score > 0.7
    loaded = T5ForConditionalGeneration.from_pretrained(best, output_loading_info=True)[1]
    assert loaded["missing_keys"] == set()
    policy, vocabulary = load_subword(best)
    batch = policy.batch([vocabulary.prompt("oven dough", 24)])
    words = vocabulary.text(policy.t5.generate(**_inputs(batch), max_new_tokens=4, do_sample=False)[0].tolist())
    assert set(words.split()) & WORDS
    assert "<sep>" not in vocabulary.tokenizer.get_vocab()


def test_the_example_of_the_training_page_runs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "trlx.train" in block)
    monkeypatch.chdir(tmp_path)
    Path("t5-small").mkdir()
    save_subword(*toy_subword(), Path("t5-small"))
    exec(compile(example, "training.md", "exec"), {})
    policy, _ = load_subword(Path("checkpoints") / "best_checkpoint")
    assert policy.decoding == "tokens"


def _inputs(batch):
    return {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
