"""Kinds of reformulation, each alone, their shares, and the classifier of real changes."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from untilclick.search.users.need import Need
from untilclick.search.users.reformulation import (
    Kind,
    ReformulationShares,
    TypedWord,
    add,
    drop,
    generalise,
    kind_of,
    reformulate,
    respell,
    specialise,
    start_anew,
    substitute,
)

RARITY = {"copy": 2.0, "file": 1.0, "permission": 5.0, "shutil": 8.0, "folder": 3.0, "destination": 6.0}
NEED = Need("t", ("copy", "file"), ("permission", "shutil", "folder", "destination"), RARITY)
BARE = Need("t", ("copy", "file"), ())
REAL_SESSIONS = Path(__file__).parents[4] / "shared" / "data"


def typed(*words):
    return tuple(TypedWord(*word.split("/")) if "/" in word else TypedWord(word, word) for word in words)


def text(words):
    return " ".join(word.typed for word in words)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (add, Kind.ADD),
        (drop, Kind.DROP),
        (substitute, Kind.SUBSTITUTE),
        (specialise, Kind.SPECIALISE),
        (start_anew, Kind.NEW),
    ],
)
def test_each_change_is_what_the_classifier_of_real_changes_calls_it(change, kind, rng):
    before = typed("copy", "file")
    for _ in range(50):
        after = change(before, NEED, rng)
        assert kind_of(text(before), text(after)) is kind
        assert {word.meant for word in after} <= set(NEED.words + NEED.vocabulary)


def test_generalising_exchanges_the_two_rarest_words_for_one(rng):
    before = typed("copy", "shutil", "permission")
    for _ in range(50):
        after = generalise(before, NEED, rng)
        assert kind_of(text(before), text(after)) is Kind.GENERALISE
        assert {word.meant for word in after} <= {"copy", "file", "folder", "destination"}


def test_specialising_gives_up_the_commonest_word(rng):
    after = specialise(typed("copy", "file"), NEED, rng)
    assert next(word.typed for word in after) == "copy"
    assert "file" not in text(after)


def test_respelling_corrects_every_misspelt_word_and_nothing_else(rng):
    assert respell(typed("cpoy/copy", "file", "folderr/folder"), NEED, rng) == typed("copy", "file", "folder")
    assert respell(typed("copy", "file"), NEED, rng) is None


@pytest.mark.parametrize("change", [add, substitute, specialise, generalise, start_anew])
def test_changes_that_need_other_words_do_not_apply_without_any(change, rng):
    assert change(typed("copy", "file"), BARE, rng) is None


@pytest.mark.parametrize("change", [drop, substitute, specialise, generalise])
def test_changes_that_keep_a_word_do_not_apply_to_a_single_one(change, rng):
    assert change(typed("copy"), NEED, rng) is None


def test_a_word_kept_stays_misspelt(rng):
    assert text(add(typed("cpoy/copy", "file"), NEED, rng)).startswith("cpoy file ")


def test_shares_are_as_configured(rng):
    shares = ReformulationShares()
    words = typed("copy", "file", "permission")
    counts = Counter(reformulate(words, NEED, shares, rng)[0] for _ in range(8000))
    total = shares.add + shares.drop + shares.substitute + shares.specialise + shares.generalise + shares.new
    for kind in (Kind.ADD, Kind.DROP, Kind.SUBSTITUTE, Kind.SPECIALISE, Kind.GENERALISE, Kind.NEW):
        assert counts[kind] / 8000 == pytest.approx(getattr(shares, kind.value) / total, abs=0.02)


def test_misspelt_queries_are_respelt_as_often_as_configured(rng):
    shares = ReformulationShares(respell_misspelt=0.3)
    kinds = [reformulate(typed("cpoy/copy", "file"), NEED, shares, rng)[0] for _ in range(4000)]
    assert kinds.count(Kind.RESPELL) / 4000 == pytest.approx(0.3, abs=0.03)


def test_a_user_without_another_idea_corrects_itself_or_has_none(rng):
    shares = ReformulationShares(respell_misspelt=0.0)
    bare = Need("t", ("copy",), ())
    assert reformulate(typed("cpoy/copy"), bare, shares, rng) == (Kind.RESPELL, typed("copy"))
    assert reformulate(typed("copy"), bare, shares, rng) is None
    assert reformulate((), bare, ReformulationShares(0, 0, 0, 0, 0, 0), rng) is None


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("civil war causes", "civil war economic causes", Kind.ADD),
        ("heart attack details", "heart attack", Kind.DROP),
        ("the heart attack", "attack of heart", None),
        ("heart attack details", "heart attack statistics", Kind.SUBSTITUTE),
        ("heart attack", "heart disease nhs", Kind.SPECIALISE),
        ("heart disease nhs", "heart attack", Kind.GENERALISE),
        ("hart attack", "heart attack", Kind.RESPELL),
        ("defintion of sepsis", "definition of sepsis", Kind.RESPELL),
        ("cat", "cow", Kind.NEW),
        ("heart attack", "infarction", Kind.NEW),
        ("", "heart", Kind.ADD),
        ("", "", None),
    ],
)
def test_real_changes_are_classified(before, after, kind):
    assert kind_of(before, after) is kind


def test_default_shares_are_those_of_the_real_sessions():
    """They were measured on the two collections together; each alone is too small to tell."""
    files = [REAL_SESSIONS / name / "sessions.jsonl" for name in ("trec-session-2013", "sim4ia-core-sessions")]
    if not all(file.is_file() for file in files):
        pytest.skip("the real sessions (TREC Session Track 2013, Sim4IA) are not beside the repository")
    counts = Counter()
    for file in files:
        for line in file.read_text().splitlines():
            session = json.loads(line)
            queries = [*session["queries"], *filter(None, [session.get("current_query")])]
            counts.update(kind_of(before, after) for before, after in itertools.pairwise(queries))
    del counts[None]
    shares = ReformulationShares()
    for kind in (Kind.ADD, Kind.DROP, Kind.SUBSTITUTE, Kind.SPECIALISE, Kind.GENERALISE, Kind.NEW):
        assert getattr(shares, kind.value) == pytest.approx(counts[kind] / counts.total(), abs=0.01)
