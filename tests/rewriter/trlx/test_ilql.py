"""ILQL in trlX: one test for each thing that trlX's own ILQL does to a T5 and ours must not."""

from __future__ import annotations

import copy
import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_actions import LoggedAction
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.rewriter.serving import bundle
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.input import Sources, StageInput
from untilclick.rewriter.stages.offline import read_actions
from untilclick.rewriter.stages.record import latest_stage, read_stage
from untilclick.rewriter.training.scored import Scored
from untilclick.search.errors import UntilclickError

from tests.rewriter.toy_learning import (
    TOY_BASE,
    TOY_POLICY,
    VISITOR_SESSIONS,
    action_of,
    prompt_of,
    shaken,
    toy_policy,
)
from tests.rewriter.toy_stages import run_base, run_offline

CONFIG = changed(
    OfflineConfig(),
    method="ilql",
    epochs=10,
    batch_size=8,
    learning_rate=3e-3,
    head_learning_rate=1e-2,
    word_dropout=0.0,
    terms=3,
)
DECODINGS = pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])


def with_trlx(test):
    """Marks a test that needs trlX."""
    for mark in (
        pytest.mark.trlx,
        pytest.mark.filterwarnings("ignore"),
        pytest.mark.skipif(find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository"),
    ):
        test = mark(test)
    return test


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Remove the variables of a launcher, which would announce several processes."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def actions_of(vocabulary) -> list[LoggedAction]:
    """Two prompts with a good and a poor action each, of three terms and of one."""
    return [
        action_of(vocabulary, query, terms, value)
        for query, terms, value in [
            ("oven", "star", 1.0),
            ("oven", "rail", 0.0),
            ("moon", "dough flour salt", 1.0),
            ("moon", "seed", 0.0),
        ]
    ]


@pytest.fixture
def start(opened, tmp_path):
    """A function that makes a trainer with four actions; keyword arguments change its settings."""

    def made(decoding="parallel", repeats=8, **changes):
        from untilclick.rewriter.stages.ilql import ilql_config
        from untilclick.rewriter.trlx.ilql import RewriterILQLTrainer

        policy, vocabulary = toy_policy(opened, decoding)
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        save_policy(shaken(policy), vocabulary, folder)
        actions = actions_of(vocabulary) * repeats
        config = ilql_config(changed(CONFIG, **changes), folder, tmp_path / "checkpoints", len(actions))
        trainer = RewriterILQLTrainer(config=config, validation=lambda policy: 0.0, stop_sequences=[])
        trainer.make_experience(actions, [action.mean_return for action in actions])
        trainer.iter_count = 0
        return trainer

    return made


def batch_of(trainer, rows=(0, 1, 2, 3)):
    return trainer.store._collator([trainer.store[row] for row in rows])


@with_trlx
def test_the_logits_are_those_of_the_t5(start):
    """trlX applies `lm_head` to the decoder states as they are: with tied embeddings the T5 itself scales them by
    d_model**-0.5, and without it the logits are sqrt(d_model) times as large."""
    trainer = start()
    batch = batch_of(trainer)
    with torch.no_grad():
        logits = trainer.policy(batch)[0]
        of_t5 = trainer.policy.t5(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            decoder_input_ids=batch.decoder_input_ids,
        ).logits
    allowed = ~batch.banned
    assert torch.allclose(logits[allowed], of_t5[allowed], atol=1e-4)
    assert trainer.policy.t5.config.tie_word_embeddings
    assert float(of_t5[allowed].abs().max()) > 1e-2


@with_trlx
@DECODINGS
def test_the_first_term_is_an_action_of_the_start_state(start, decoding):
    trainer = start(decoding)
    batch = batch_of(trainer)
    assert (batch.decoder_input_ids[:, 0] == PAD_ID).all()
    assert trainer.policy.t5.config.decoder_start_token_id == PAD_ID
    assert (batch.actions_ixs[:, 0] == 0).all()
    taken = batch.decoder_input_ids[:, 1:].gather(1, batch.actions_ixs)
    for row, (action, _) in enumerate(trainer.store[i] for i in range(4)):
        real = taken[row][batch.dones[row, :-1].bool()].tolist()
        assert sorted(real[: len(action.terms)]) == sorted(action.terms)
        assert real[len(action.terms) :] == (
            [EOS_ID] if decoding == "autoregressive" and len(action.terms) < 3 else []
        )


@with_trlx
def test_the_first_term_is_learned(start):
    """With trlX's decoder inputs the loss of an action of one term does not depend on that term at all."""
    trainer = start()
    batch = batch_of(trainer, rows=(0,))
    token = int(batch.decoder_input_ids[0, 1])
    heads = trainer.policy.ilql_heads
    trainer.loss(batch)[0].backward()
    assert batch.decoder_input_ids.shape == (1, 2)
    for head in heads.q_heads:
        gradient = head[2].bias.grad
        assert int(gradient.abs().argmax()) == token
    prompt = collate([trainer.store[0][0].prompt], trainer.policy.vocabulary_size)
    before = float(plain_log_probs(trainer.policy, prompt)[0, token])
    trainer.opt.step()
    assert float(plain_log_probs(trainer.policy, prompt)[0, token]) > before


@torch.no_grad()
def plain_log_probs(policy, batch):
    from untilclick.rewriter.stages.ilql import plain_policy

    return plain_policy(policy).first_step_log_probs(batch)


@with_trlx
def test_the_return_stands_on_the_last_term_and_the_end_is_worth_nothing(start):
    trainer = start(repeats=1)
    batch = batch_of(trainer)
    assert batch.dones.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]]
    expected = [[1, 0, 0], [-1, 0, 0], [0, 0, 1], [-1, 0, 0]]
    assert torch.allclose(batch.rewards, torch.tensor(expected, dtype=torch.float32), atol=1e-4)


@with_trlx
@DECODINGS
def test_the_loss_is_finite_although_padding_is_banned(start, decoding):
    trainer = start(decoding)
    loss, stats = trainer.loss(batch_of(trainer))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert stats["losses/loss_awac"] < 100
    gradients = [weight.grad for weight in trainer.policy.parameters() if weight.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@with_trlx
def test_every_term_of_an_action_comes_first_at_some_time(start):
    trainer = start()
    first = {int(batch_of(trainer, rows=(2,)).decoder_input_ids[0, 1]) for _ in range(40)}
    assert first == set(trainer.store[2][0].terms)


@with_trlx
def test_the_target_follows_at_every_step_and_gradients_are_clipped(start):
    """trlX moves its target Q after a pass over the data only, and clips nowhere outside DeepSpeed."""
    trainer = start(max_grad_norm=1e-3, target_rate=0.5, epochs=2, repeats=8)
    synced = []
    trainer.policy.sync_target_q_heads = lambda: synced.append(norm(trainer.policy))
    trainer.add_eval_pipeline(None)
    trainer.learn()
    assert len(synced) == trainer.iter_count == 8
    assert max(synced) <= 1e-3 * 1.001


def norm(policy) -> float:
    return math.hypot(*(float(w.grad.norm()) for w in policy.parameters() if w.grad is not None))


@with_trlx
def test_the_target_moves_towards_q_by_its_rate(start):
    trainer = start(target_rate=0.25)
    heads = trainer.policy.ilql_heads
    with torch.no_grad():
        heads.q_heads[0][2].bias.add_(1.0)
    before = heads.target_q_heads[0][2].bias.clone()
    trainer.policy.sync_target_q_heads()
    assert torch.allclose(heads.target_q_heads[0][2].bias - before, torch.tensor(0.25), atol=1e-6)


@with_trlx
@DECODINGS
def test_good_actions_are_preferred_to_frequent_ones(start, decoding):
    """Both actions of a prompt are equally frequent: cloning cannot tell them apart, the Q can."""
    trainer = start(decoding, epochs=40, advantage_scale=2.0)
    trainer.add_eval_pipeline(None)
    trainer.learn()
    actions = [trainer.store[row][0] for row in range(4)]
    batch = collate([action.prompt for action in actions], trainer.policy.vocabulary_size)
    with torch.no_grad():
        log_probs = trainer.policy.first_step_log_probs(batch)
    good, poor = (float(log_probs[row, list(actions[row].terms)].logsumexp(0)) for row in (0, 1))
    assert good > poor + 1
    cloned = plain_log_probs(trainer.policy, batch)
    assert float(cloned[0, actions[0].terms[0]] - cloned[1, actions[1].terms[0]]) < good - poor


@with_trlx
def test_what_it_proposes_is_log_pi_and_scaled_advantage(start):
    trainer = start(advantage_scale=1.5)
    prompt = collate([prompt_of(trainer.vocabulary, "oven")], trainer.policy.vocabulary_size)
    policy = trainer.policy
    policy.memory = None  # which is mixed in afterwards
    with torch.no_grad():
        state = policy.first_states(prompt)
        qs = [head(state) for head in policy.ilql_heads.target_q_heads]
        advantage = torch.minimum(*qs) - policy.ilql_heads.v_head(state)
        expected = torch.softmax(plain_log_probs(policy, prompt) + 1.5 * advantage, dim=-1)
        probs = policy.first_step_log_probs(prompt).exp()
    assert torch.allclose(probs, expected, atol=1e-6)
    assert (probs[prompt.banned] == 0).all()


@with_trlx
def test_what_is_saved_loads_as_a_t5_with_no_missing_key(start, tmp_path):
    from transformers import T5ForConditionalGeneration

    trainer = start()
    trainer.save_pretrained(str(tmp_path / "saved"))
    t5, report = T5ForConditionalGeneration.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    trained = trainer.policy.t5.state_dict()
    assert all(torch.equal(weight, trained[name]) for name, weight in t5.state_dict().items())


@with_trlx
def test_the_stage_is_a_plain_model_that_is_exported(opened, tmp_path):
    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    # Validated on what it learns from: the base already finds all of the few needs that this log would hold out.
    sides = LogSides(VISITOR_SESSIONS, VISITOR_SESSIONS, (), {}, opened.analysis, None)
    folder = run_offline(opened, tmp_path, sides, CONFIG)
    record = read_stage(folder)
    assert latest_stage(tmp_path) == folder == tmp_path / "offline"
    assert record.config["method"] == "ilql"
    figures = record.figures
    assert figures["validation_ndcg"] >= figures["validation_start"] - 1e-9
    assert figures["kept_start"] == 0
    assert figures["divergence"] < 1.0
    load_policy(folder)
    exported = export.main(export.ExportConfig(tmp_path, tmp_path / "bundle", "float32"), opened)
    assert bundle.read_manifest(exported).blend == record.blend
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "bundle", "offline"]


@with_trlx
@pytest.mark.parametrize("better", [True, False])
def test_figures_are_of_the_weights_that_are_left(opened, tmp_path, monkeypatch, better):
    """Figures and divergence are those of the student if it is better than the start, else those of the start."""
    from untilclick.rewriter.stages import ilql
    from untilclick.rewriter.training.distillation import mean_divergence

    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    start, actions = read_actions(Sources(opened, VISITOR_SESSIONS, SplitKey.of_seed(0)), tmp_path, CONFIG)
    before, seen, distil = copy.deepcopy(start.policy), {}, ilql.distil
    scores = iter(range(100) if better else range(0, -100, -1))

    def spied(student, teacher, prompts, *rest):
        seen.update(teacher=teacher, prompts=prompts)
        return distil(student, teacher, prompts, *rest)

    monkeypatch.setattr(ilql, "distil", spied)
    monkeypatch.setattr(StageInput, "score", lambda self, policy: Scored(float(next(scores))))
    figures = ilql.train_ilql(start, actions, tmp_path, changed(CONFIG, epochs=1), None)
    assert figures["kept_start"] == float(not better)
    assert figures["validation_best"] == figures["validation_distilled" if better else "validation_start"]
    unchanged = all(
        torch.equal(old, new) for old, new in zip(before.parameters(), start.policy.parameters(), strict=True)
    )
    assert unchanged != better
    left = mean_divergence(start.policy, seen["teacher"], seen["prompts"], CONFIG.batch_size)
    assert figures["divergence"] == pytest.approx(left, rel=1e-5)


@with_trlx
def test_no_pass_over_the_actions_is_a_mistake_of_the_settings(opened, tmp_path):
    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    with pytest.raises(UntilclickError, match=r"offline\.epochs is 0"):
        run_offline(opened, tmp_path, VISITOR_SESSIONS, changed(CONFIG, epochs=0))


@with_trlx
def test_everything_made_of_a_policy_is_on_its_device(opened):
    """On a GPU the student's value head used to stay in main memory. Tensors on torch's `meta` device have no values,
    but a place."""
    from untilclick.rewriter.stages.ilql import plain_policy
    from untilclick.rewriter.trlx.ilql import ILQLPolicy

    start = toy_policy(opened)[0].to("meta")
    policy = ILQLPolicy(start, 1.0, 0.1)
    for made in (policy, plain_policy(policy)):
        places = {name: part.device.type for name, part in (*made.named_parameters(), *made.named_buffers())}
        assert "banned_ids" in places
        assert set(places.values()) == {"meta"}, places


@with_trlx
def test_a_plain_policy_is_a_copy_that_learns(start):
    from untilclick.rewriter.stages.ilql import plain_policy

    policy = start().policy.requires_grad_(False)
    plain = plain_policy(policy)
    original = policy.state_dict()
    assert all(torch.equal(weight, original[name]) for name, weight in plain.state_dict().items())
    assert torch.equal(plain.banned_ids, policy.banned_ids)
    assert all(weight.requires_grad for weight in plain.parameters())
    assert not {weight.data_ptr() for weight in plain.parameters()} & {w.data_ptr() for w in policy.parameters()}


@with_trlx
def test_the_same_seed_gives_the_same_weights(opened, tmp_path):
    run_base(opened, tmp_path, TOY_POLICY, TOY_BASE)
    trained = []
    for _ in range(2):
        run_offline(opened, tmp_path, VISITOR_SESSIONS, changed(CONFIG, epochs=2))
        trained.append(copy.deepcopy(load_policy(tmp_path / "offline")[0].state_dict()))
    assert all(torch.equal(weight, trained[1][name]) for name, weight in trained[0].items())
    assert np.isfinite(read_stage(tmp_path / "offline").figures["validation_heads"])


@pytest.mark.skipif(find_spec("trlx") is not None, reason="trlX is installed")
def test_without_trlx_one_sentence_says_how_to_get_it(opened, tmp_path):
    with pytest.raises(UntilclickError, match=r"pip install 'untilclick\[trlx\]'.*--method rwft"):
        run_offline(opened, tmp_path, VISITOR_SESSIONS, CONFIG)
