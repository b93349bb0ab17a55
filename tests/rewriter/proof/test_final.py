"""What of a run may be exported: evidence, gate, refit and bundle, at toy size."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.evidence import AS_TYPED, UNTRAINED, Finding, LearnedWords, Verdict
from untilclick.rewriter.judging.gate import Answering, Use
from untilclick.rewriter.judging.returning import returning_queries
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.proof import evidence, few_needs, final, refit, returning
from untilclick.rewriter.proof.bundle import export_run
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.proof.evidence import Before
from untilclick.rewriter.proof.final import FinalStage
from untilclick.rewriter.proof.learned_from import read_learned_from, unknown_to, write_learned_from
from untilclick.rewriter.proof.retraining import train_again
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import COLD_START, RETURNING
from untilclick.rewriter.serving.bundle import TWIN_FOLDER, UNTRAINED_FOLDER, read_manifest
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.serving.scoped import ScopedRewriter
from untilclick.rewriter.stages.export import ExportConfig
from untilclick.rewriter.stages.input import Sources, sides_of
from untilclick.rewriter.stages.record import read_stage
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import ModelError, UntilclickError
from untilclick.search.records import Click, Session, Turn

from tests.rewriter.toy_lay_words import lay_sessions
from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_ppo, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics(), each=2))
BETTER, WORSE, CANNOT_SAY = Verdict.BETTER, Verdict.WORSE, Verdict.CANNOT_SAY


@pytest.fixture(scope="module")
def trained(opened, tmp_path_factory):
    """A run folder after base, warm start and PPO."""
    run = tmp_path_factory.mktemp("trained")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, run, SESSIONS, TOY_WARM_START)
    run_ppo(opened, run, SESSIONS, changed(TOY_PPO, iterations=2))
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A run folder of its own for a test that adds to it."""
    for stage in ("base", "warm_start", "ppo"):
        (tmp_path / stage).symlink_to(trained / stage)
    return RunConfig(tmp_path)


@pytest.fixture
def verdicts(monkeypatch):
    """Decides the contests of a test, by the names of both, and those that a log cannot hold at toy size."""

    def decide(untrained=CANNOT_SAY, typed=CANNOT_SAY, start=CANNOT_SAY, before=CANNOT_SAY, returns=None, words=None):
        held = []

        def finding(against, verdict):
            return Finding(against, verdict, "nDCG@10", 0.0, (-0.1, 0.1), 0.5, 0.0, 50, 50)

        def contest(version, other, opened, sides, judging):
            held.append((version, other, sides))
            verdict = {AS_TYPED: start if version.name == UNTRAINED else typed, UNTRAINED: untrained}
            return finding(other.name, verdict.get(other.name, before))

        monkeypatch.setattr(evidence, "contest", contest)
        monkeypatch.setattr(evidence, "contest_in_folds", lambda *_: finding(UNTRAINED, untrained))
        if returns is not None:
            of = returning.Contest(finding(UNTRAINED, returns), words)
            monkeypatch.setattr(evidence, "contest_of_returning", lambda *_: of)
        return held

    return decide


def exported(run, opened, **options):
    return export_run(ExportConfig(run.out, run.out / "bundle"), opened, **options)


def weights(folder) -> dict[str, torch.Tensor]:
    return open_rewriter(folder).policy.state_dict()


def test_what_is_better_is_refitted_and_exported_with_its_twin(run, opened, verdicts):
    verdicts(untrained=BETTER)
    folder = final.main(FinalStage(run), opened, SESSIONS)
    record = read_stage(folder)
    assert (record.stage, record.proof.use, record.proof.twin) == ("final", Use.LEARNED, "ppo")
    assert record.blend == read_stage(run.out / "ppo").blend
    assert record.proof.evidence.split.n_needs == 24
    bundle = exported(run, opened)
    manifest = read_manifest(bundle)
    assert (manifest.use, manifest.asked, manifest.evidence) == (Use.LEARNED, False, record.proof.evidence)
    assert read_manifest(bundle / TWIN_FOLDER).figures == dict(read_stage(run.out / "ppo").figures)
    assert read_learned_from(bundle / TWIN_FOLDER).size > 0
    assert not list(run.out.glob("*.work"))


@pytest.mark.parametrize(("untrained", "written"), [(BETTER, ["warm start", "ppo"]), (CANNOT_SAY, [])])
def test_a_proof_has_one_progress_over_all_parts(run, opened, verdicts, untrained, written):
    """Its bar once began anew with every part, and forgot the parts to come."""
    verdicts(untrained=untrained)
    shown = []

    @contextmanager
    def show(name):
        shown.append(name)
        yield lambda done, total, part="": shown.append((part, done, total))

    final.main(FinalStage(run), opened, SESSIONS, show)
    name, *units = shown
    refits = [*(f"refit of the {stage}" for stage in written), *(["checking the refit"] if written else [])]
    assert name == "Proof"
    assert list(dict.fromkeys(part for part, _, _ in units)) == ["judging new needs", *refits]
    assert [done for _, done, _ in units] == sorted(done for _, done, _ in units)
    assert units[-1][1] == units[-1][2] > 0


def test_a_refit_that_ranks_training_queries_worse_is_replaced_by_its_twin(
    run, opened, verdicts, monkeypatch, caplog
):
    """The base stands for a refit. What it may rank worse is a share of what the twin reaches; here it would have to
    rank better."""
    verdicts(untrained=BETTER)

    @contextmanager
    def base_alone(*_):
        yield run.out / "base"

    monkeypatch.setattr(final, "refitted", base_alone)
    for margin, taken in ((-1.0, "ppo"), (1.0, "base")):
        monkeypatch.setattr(refit, "MARGIN", margin)
        caplog.clear()
        folder = final.main(FinalStage(run), opened, SESSIONS)
        assert ("The refit ranks training queries worse" in caplog.text) is (taken == "ppo")
        of_taken = weights(run.out / taken)
        assert all(torch.equal(weight, of_taken[name]) for name, weight in weights(folder).items())


@pytest.mark.parametrize(("start", "use"), [(CANNOT_SAY, Use.UNTRAINED), (WORSE, Use.NOTHING)])
def test_what_nothing_speaks_for_leaves_the_base(run, opened, verdicts, start, use):
    verdicts(start=start)
    record = read_stage(final.main(FinalStage(run), opened, SESSIONS))
    assert record.proof.use is use
    assert record.blend == replace(COLD_START)
    base, own = weights(run.out / "base"), weights(run.out / "final")
    assert all(torch.equal(own[name], base[name]) for name in base)
    if use is Use.NOTHING:
        with pytest.raises(UntilclickError, match="may not be exported"):
            exported(run, opened)
    manifest = read_manifest(exported(run, opened, anyway=use is Use.NOTHING))
    assert (manifest.use, manifest.asked) == (Use.UNTRAINED, use is Use.NOTHING)
    assert not (run.out / "bundle" / TWIN_FOLDER).exists()


def test_what_is_asked_for_is_exported_against_the_gate(run, opened, verdicts):
    verdicts(untrained=WORSE)
    record = read_stage(final.main(FinalStage(run, asked=True), opened, SESSIONS))
    assert (record.proof.admission.use, record.proof.use) == (Use.UNTRAINED, Use.LEARNED)
    manifest = read_manifest(exported(run, opened))
    assert (manifest.use, manifest.asked) == (Use.LEARNED, True)


def test_a_stage_that_was_not_judged_is_exported_only_if_asked_for(run, opened):
    with pytest.raises(UntilclickError, match="train final"):
        exported(run, opened)
    manifest = read_manifest(exported(run, opened, anyway=True))
    assert (manifest.use, manifest.asked, manifest.evidence) == (Use.LEARNED, True, None)


def test_what_returning_needs_speak_for_answers_them_alone(run, opened, verdicts, engine):
    verdicts(returns=BETTER)
    visitors = tuple(replace(each, client_id=f"v{i}") for i, each in enumerate(SESSIONS))
    record = read_stage(final.main(FinalStage(run), opened, visitors))
    assert (record.proof.use, record.blend) == (Use.RETURNING, RETURNING)
    bundle = exported(run, opened)
    assert read_manifest(bundle / UNTRAINED_FOLDER).blend == COLD_START
    assert isinstance(open_bundle(bundle, engine), ScopedRewriter)


def test_words_that_visitors_confirm_answer_queries_of_nothing_else(run, opened, verdicts, engine):
    verdicts(returns=CANNOT_SAY, words=LearnedWords(("zorgel",), ()))
    visitors = (*SESSIONS, *lay_sessions("zorgel", "dough oven", "kitchen-0"))
    record = read_stage(final.main(FinalStage(run), opened, visitors))
    assert (record.proof.use, record.blend) == (Use.WORDS, RETURNING)
    bundle = exported(run, opened)
    assert read_manifest(bundle).carried.use is Use.WORDS
    queries = ["zorgel", "zorgel dough", "dough oven"]
    rewrites = open_bundle(bundle, engine).rewrite([RewriteRequest(query) for query in queries])
    assert [each.learned for each in rewrites] == [True, False, False]


def test_what_two_visitors_teach_of_a_word_is_checked_by_the_third(run, opened):
    visitors = (*SESSIONS, *lay_sessions("zorgel", "dough oven", "kitchen-0"))
    sides = sides_of(Sources(opened, visitors, run.split_key), read_stage(run.out / "ppo"))
    finding, words = returning.contest_of_returning(run, opened, sides, JudgingConfig(), final.silently)
    assert "30 are needed" in finding.reason
    assert words == LearnedWords(("zorgel",), ())


def test_a_version_that_answers_now_is_compared_on_needs_that_it_has_not_learned_from(
    run, opened, verdicts, tmp_path
):
    held = verdicts(untrained=BETTER, before=CANNOT_SAY)
    sides = sides_of(Sources(opened, SESSIONS, run.split_key), read_stage(run.out / "ppo"))
    known = sides.judged[0]
    write_learned_from(tmp_path, replace(sides, training=(known,), validation=()), run.split_key)
    champion = evidence.contestant("abc", run.out / "base", opened)
    before = Before(Answering("abc", Use.LEARNED), champion, read_learned_from(tmp_path))
    record = read_stage(final.main(FinalStage(run), opened, SESSIONS, before=before))
    assert record.proof.use is Use.NOTHING
    (judges,) = [each for _, other, each in held if other is champion]
    assert sides.need_of(known) not in {sides.need_of(each) for each in judges.judged}
    assert len(judges.judged) > 0
    assert unknown_to(np.zeros(0, dtype=np.uint64), sides, run.split_key).judged == sides.judged


def test_on_few_needs_the_whole_training_is_judged_in_folds_over_all_of_them(run, opened, monkeypatch):
    sides = sides_of(Sources(opened, SESSIONS, run.split_key), read_stage(run.out / "ppo"))
    trained = []

    def train(stage, fold, opened, sides):
        trained.append((stage.name, {sides.need_of(each) for each in sides.judged}))
        return train_again(stage, fold, opened, sides)

    monkeypatch.setattr(few_needs, "train_again", train)
    finding = few_needs.contest_in_folds(run, opened, sides, JudgingConfig(folds=3), final.silently)
    assert finding.n_needs == sides.record.n_needs == 24
    stages = [name for name, _ in trained]
    assert stages[:3] == ["warm_start"] * 3
    assert stages[3:] in ([], ["ppo"] * 3)
    assert sum(len(needs) for _, needs in trained[:3]) == len(set.union(*(needs for _, needs in trained[:3]))) == 24


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_needs_for_folds_are_a_sentence(run, opened, n):
    sides = sides_of(Sources(opened, SESSIONS[: 2 * n], run.split_key), read_stage(run.out / "base"))
    finding = few_needs.contest_in_folds(run, opened, sides, JudgingConfig(), final.silently)
    assert finding.verdict is CANNOT_SAY
    assert f"{n} needs of the log can be held out, and 3 are needed" in finding.reason


def test_a_run_without_anything_learned_has_nothing_to_prove(opened, tmp_path, trained):
    (tmp_path / "base").symlink_to(trained / "base")
    with pytest.raises(ModelError, match="train warm-start"):
        final.main(FinalStage(RunConfig(tmp_path)), opened, SESSIONS)


def test_without_client_ids_the_returning_verdict_says_what_is_missing(run, opened):
    sides = sides_of(Sources(opened, SESSIONS, run.split_key), read_stage(run.out / "ppo"))
    finding, words = returning.contest_of_returning(run, opened, sides, JudgingConfig(), final.silently)
    assert finding.verdict is CANNOT_SAY
    assert "30 are needed" in finding.reason
    assert words is None


def test_a_session_judges_each_of_its_queries_that_return_by_all_that_it_clicked():
    def visit(name, client):
        clicks = (Click(f"{name}c", "d9", 1, 3.0),)
        words = ("alpha", "beta", "found at last")
        turns = tuple(
            Turn(f"{name}{word[0]}", step, word, None, ("d9",), clicks if step == 2 else (), float(step))
            for step, word in enumerate(words)
        )
        return Session(name, "live", turns, client)

    sessions = [visit(f"s{i}", f"v{i}") for i in range(3)]
    found = returning_queries(sessions, english(), SplitKey.of_seed(0))
    judged = [each for session in sessions for each in returning.by_query(session, found)]
    inputs = judged_inputs(judged, (), lambda session: hash(session.turns[0].query), lambda _: False)
    assert set(found.queries) == {each.query for each in inputs} == {"alpha", "beta"}
    assert all(each.grades["d9"] > 0 for each in inputs)
