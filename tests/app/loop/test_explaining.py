"""`untilclick explain`: what was learned for a query, base against trained, and what the log holds of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.loop import explaining
from untilclick.app.terminal.explanations import reading_lines
from untilclick.rewriter.config import BaseConfig
from untilclick.rewriter.judging.evidence import AS_TYPED, Evidence, Finding
from untilclick.rewriter.judging.gate import Admission, Use
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.models import TermModel
from untilclick.rewriter.readings import Reading, UsedReadings
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import MEANT, BlendSettings
from untilclick.rewriter.serving.explanation import DEPTH, explain
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.rewriter.stages.record import Proof, StageOutcome, copied_stage, write_stage
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

from tests.app.stand_ins import DOCUMENTS, MeaningRewriter, TableRewriter, toy_engine
from tests.rewriter.toy_learning import toy_documents, toy_opened, toy_policy

OTHER = BlendSettings(original=0.3, feedback=0.0, rewrite=0.7)
"""A blend of the trained stage that ranks otherwise than the base's."""


def write_run(run, blend=OTHER, *, stages=("base", "warm_start")):
    """A run whose last stage has this blend."""
    opened = toy_opened()
    for stage in stages:
        chosen = BlendSettings() if stage == "base" else blend
        policy, vocabulary = toy_policy(opened)
        outcome = StageOutcome(BaseConfig(), BlendChoice(chosen, 0.0, 0.0), {})
        write_stage(opened, run / stage, TermModel(policy, TermLanguage(vocabulary)), outcome)
    return run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "documents.jsonl"
    lines = [{"_id": each.doc_id, "title": each.title, "text": each.text} for each in toy_documents()]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Three visitors typed `oven dough`, two typed `anchor`."""
    path = tmp_path_factory.mktemp("log") / "log.db"
    with SessionLog.open(str(path)) as opened:
        opened.append(
            [
                *(session(f"oven-{i}", "oven dough", f"visitor {i}", "kitchen-0") for i in range(3)),
                *(session(f"anchor-{i}", "anchor", f"visitor {i}", "harbour-1") for i in range(2)),
            ]
        )
    return path


def session(name, query, client, clicked):
    click = Click(f"{name}-q", clicked, 1, 2.0)
    return Session(name, "live", (Turn(f"{name}-q", 0, query, None, (clicked,), (click,), 1.0),), client)


@pytest.fixture
def explained(data):
    """Runs the command on the toy documents."""

    def run(*arguments, status=0):
        environment = {"COLUMNS": "160", "NO_COLOR": "1"}
        command = ["explain", "--data", str(data), *map(str, arguments)]
        done = CliRunner(env=environment).invoke(app, command)
        assert done.exit_code == status, done.stderr
        if "--json" in arguments:
            assert done.stdout.count("\n") == 1
            assert "In the log" not in done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


def test_base_and_trained_stand_side_by_side_with_the_log(explained, run_folder, log):
    printed = explained("oven dough", "--model", run_folder, "--log", log)
    assert "base and warm_start: read as words" in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["word", "added", "base", "warm_start"] in lines
    assert ["document", "typed", "base", "warm_start", "by", "(base)", "by", "(warm_start)"] in lines
    assert any(line[-2:] == ["words", "words"] and line[-5] == "1" for line in lines if len(line) > 5)
    assert "In the log, this query: 3 sessions of 3 visitors; 0 gave up." in printed
    (title,) = (each.title for each in toy_documents() if each.doc_id == "kitchen-0")
    assert f"3 ended on {title}" in printed
    assert "a session without one counts as a visitor of its own" in printed


def test_a_word_that_two_visitors_typed_appears_nowhere_in_the_log_part(explained, run_folder, log):
    printed = explained("oven anchor", "--model", run_folder, "--log", log)
    told = printed[printed.index("In the log") :]
    assert "'oven' in any query: 3 sessions" in told
    assert "fewer than 3 visitors typed this query" in told
    assert "1 word of the query was typed by fewer than 3 visitors" in told
    assert "anchor" not in told
    answer = json.loads(explained("oven anchor", "--model", run_folder, "--log", log, "--json"))
    (query,) = answer["queries"]
    assert [word["word"] for word in query["log"]["words"]] == ["oven"]
    assert "harbour-1" not in json.dumps(query["log"])


def test_json_has_the_ranks_of_the_service(explained, run_folder):
    answer = json.loads(explained("oven dough", "tide rope", "--model", run_folder, "--json", "-k", 3))
    first, second = answer["queries"]
    assert (answer["notes"], first["log"], second["query"]) == ([], None, "tide rope")
    assert [each["name"] for each in first["read"]] == ["base", "warm_start"]
    engine = toy_opened().engine
    (typed,) = rank(engine, [SearchedQuery.typed("oven dough")], DEPTH, titled=[engine.with_title("oven dough")])
    ranks = {entry.doc_id: i for i, entry in enumerate(typed.shown, 1)}
    assert {each["doc_id"]: each["typed"] for each in first["documents"]} == {
        each["doc_id"]: ranks.get(each["doc_id"]) for each in first["documents"]
    }
    for name in ("base", "warm_start"):
        listed = {each["ranks"][name] for each in first["documents"] if each["found_by"][name]}
        assert listed == {1, 2, 3}


def test_one_stage_is_explained_alone(explained, run_folder):
    answer = json.loads(explained("oven dough", "--model", run_folder / "warm_start", "--json"))
    assert [each["name"] for each in answer["queries"][0]["read"]] == ["warm_start"]


@pytest.mark.parametrize(("use", "shown"), [(Use.UNTRAINED, "warm_start"), (Use.LEARNED, "final")])
def test_what_was_learned_is_explained_even_if_the_base_is_what_may_be_exported(explained, tmp_path, use, shown):
    run = write_run(tmp_path)
    unknown = Finding.unknown(AS_TYPED, "too few needs")
    evidence = Evidence(SplitRecord("0123abcd", 9, 8, 4, 2, 0, 0), unknown, unknown, unknown)
    proof = Proof(evidence, Admission(use, "why"), "warm_start", refitted=False)
    with copied_stage(run / "base", run / "final", proof, None):
        pass
    answer = json.loads(explained("oven dough", "--model", run, "--json"))
    assert [each["name"] for each in answer["queries"][0]["read"]] == ["base", shown]
    assert len(answer["notes"]) == (use is Use.UNTRAINED)


def test_earlier_queries_of_the_session_are_read(explained, run_folder):
    printed = explained("oven", "--history", "dough", "--model", run_folder)
    assert "words of earlier queries: dough" in printed


def test_misspelt_words_are_corrected(explained, run_folder):
    assert "corrected to 'lighthouse storm'" in explained("lighthuose storm", "--model", run_folder)


def test_mistakes_are_one_sentence(explained, run_folder, data, tmp_path):
    def complaint(*arguments):
        (line,) = explained(*arguments, status=2).splitlines()
        return line

    assert "holds no trained model" in complaint("oven", "--model", tmp_path / "nowhere")
    assert "bundle.json cannot be read" in complaint("oven", "--bundle", tmp_path / "nowhere")
    assert "nowhere.db" in complaint("oven", "--model", run_folder, "--log", tmp_path / "nowhere.db")
    assert "'xqzv' has no word that the documents or the model know" in complaint("xqzv", "--model", run_folder)
    assert "'the' has no word" in complaint("the", "--model", run_folder)
    assert "either --model DIR, a run or a stage, or --bundle" in complaint("oven")
    assert "either --model" in complaint("oven", "--model", run_folder, "--bundle", tmp_path)
    assert "--learned needs the models of a run" in complaint("oven", "--bundle", tmp_path, "--learned")
    other = tmp_path / "others.jsonl"
    other.write_text(data.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    done = CliRunner().invoke(app, ["explain", "oven", "--data", str(other), "--model", str(run_folder)])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "was trained on other documents" in done.stderr


def test_a_blend_that_does_not_use_what_was_learned_is_said(tmp_path):
    blends = {"base": MEANT, "ppo": MEANT}
    (note,) = explaining._about_blends(blends, learned=False)
    assert "The blend of ppo takes words and documents from the sentence encoder" in note
    assert "--learned" in note
    (note,) = explaining._about_blends(blends, learned=True)
    assert "the service does not use" in note
    uses = {"base": MEANT, "ppo": replace(MEANT, recall="policy")}
    assert explaining._about_blends(uses, learned=False) == []


@pytest.fixture(scope="module")
def by_meaning(tmp_path_factory):
    """The explanation of a query whose words no document has, by words alone and by meaning."""
    meaning = MeaningRewriter(tmp_path_factory.mktemp("vectors"))
    rewriters = {"base": TableRewriter({"erase catalogue": ("markup",)}), "trained": meaning}
    (explanation,) = explain(rewriters, toy_engine(), [RewriteRequest("erase catalogue")], 5)
    return explanation


def test_documents_that_meaning_found_are_told_with_their_ranks_by_words(by_meaning):
    base, trained = by_meaning.read
    assert (base.used, trained.used) == (UsedReadings.WORDS, UsedReadings.BOTH)
    documents = {each.doc_id: each for each in by_meaning.documents}
    tree = documents["shutil.rmtree"]
    assert (tree.typed, tree.ranks["base"]) == (None, None)
    assert tree.found_by == {"base": (), "trained": (Reading.DOCUMENTS,)}
    assert documents["injected"].found_by["base"] == (Reading.WORDS,)
    raised = by_meaning.raised
    assert all(each.by_words is None or each.by_words > each.rank for each in raised)
    assert "shutil.rmtree" in {each.doc_id for each in raised}
    assert "injected" not in {each.doc_id for each in raised}


def test_added_words_have_a_weight_for_each_rewriter_that_adds_them():
    rewriters = {"base": TableRewriter({"folder": ("tree",)}), "trained": TableRewriter({"folder": ("tree", "mail")})}
    (explanation,) = explain(rewriters, toy_engine(), [RewriteRequest("folder")], 3)
    weights = {each.word: dict(each.weights) for each in explanation.words}
    assert weights == {
        "tree": {"base": 1.0, "trained": pytest.approx(2 / 3)},
        "mail": {"base": None, "trained": pytest.approx(1 / 3)},
    }
    assert list(weights) == ["tree", "mail"]


def test_rewriters_that_leave_a_query_as_typed_say_why():
    rewriters = {"base": TableRewriter({}), "trained": TableRewriter({"folder": ("tree",)})}
    known, unknown = explain(rewriters, toy_engine(), [RewriteRequest("folder"), RewriteRequest("xqzv")], 3)
    assert list(reading_lines(known.read)) == ["base: searched as typed (gated)", "trained: read as words"]
    assert (known.unknown, unknown.unknown) == (False, True)
    assert [each.known for each in known.read] == [False, True]
    assert known.documents[0].title in {each.title for each in DOCUMENTS}


def test_a_blend_that_reads_learned_documents_is_not_said_to_have_learned_nothing():
    """Also where its words are the encoder's."""
    read = explaining._about_blends({"ppo": replace(MEANT, documents="policy")}, learned=False)
    unread = explaining._about_blends({"ppo": MEANT}, learned=False)
    assert not read
    assert "nothing that was learned" in unread[0]
