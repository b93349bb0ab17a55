"""A log by needs: every need on one side, in every split and every fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from untilclick.rewriter.data.log_sides import LogSides, split_by_need
from untilclick.rewriter.judging.log_split import Shares
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.records import Click, Session, Topic, Turn

ANALYSIS = analysis_by_name(FIRST_NAME)
SHARES = Shares(validation=0.3, judged=0.3)


def session(name: str, *queries: str, clicks: tuple[str, ...] = (), client: str | None = None) -> Session:
    """Clicks, if any, fall on the last query."""
    turns = tuple(Turn(f"{name}{i}", i, query, None, (), (), float(i)) for i, query in enumerate(queries))
    clicked = tuple(Click(turns[-1].query_id, doc_id, 1, 9.0) for doc_id in clicks)
    return Session(name, "live", (*turns[:-1], replace(turns[-1], clicks=clicked)), client)


def log(n: int = 60) -> list[Session]:
    """`n` needs of three sessions each, which type other words and click on two or three documents."""
    pairs = ((0, 1), (0, 1, 2), (0, 1))
    return [
        session(f"s{need}-{i}", f"word{need}x{i} again", clicks=tuple(f"d{need}-{part}" for part in pairs[i]))
        for need in range(n)
        for i in range(3)
    ]


def split(sessions: Iterable[Session], key: int = 0, topics: tuple[Topic, ...] = ()) -> LogSides:
    return split_by_need(sessions, {"train": topics}, ANALYSIS, SplitKey.of_seed(key), SHARES)


def needs(sessions: Iterable[Session]) -> set[str]:
    return {session.session_id.split("-")[0] for session in sessions}


def test_sessions_that_click_similar_sets_are_on_one_side():
    sides = split(log())
    parts = [needs(part) for part in (sides.training, sides.validation, sides.judged)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    assert len(sides.all) == 180


def test_the_sides_of_a_need_do_not_depend_on_the_rest_of_the_log():
    early, late = split(log(40)), split(log(60)[::-1])
    assert needs(early.judged) == needs(late.judged) & {f"s{i}" for i in range(40)}
    assert needs(split(log(), key=1).judged) != needs(late.judged)


def test_queries_of_topics_with_one_need_are_on_one_side():
    topics = tuple(Topic(f"t{i}", f"query {i}", {f"d{i}": 1}, need=f"n{i // 4}") for i in range(80))
    sessions = [
        replace(each, turns=(replace(each.turns[0], attributes={"topic_id": f"t{i}"}),))
        for i in range(80)
        for each in [session(f"s{i}", f"typed{i}")]
    ]
    sides = split(sessions, topics=topics)
    parts = [{int(s.session_id[1:]) // 4 for s in part} for part in (sides.training, sides.validation, sides.judged)]
    assert all(parts)
    assert sum(map(len, parts)) == 20


def test_a_query_that_is_also_typed_in_training_is_recognised_by_its_terms():
    sides = split(log())
    assert sides.is_typed_in_training(sides.training[0].turns[0].query.upper() + " ")
    assert not any(sides.is_typed_in_training(each.turns[0].query) for each in sides.judged)


def test_every_need_is_judged_by_one_fold_and_learned_from_in_none_that_it_judges():
    folds = split(log()).folds(5, seed=0)
    judged = [needs(fold.judged) for fold in folds]
    assert len(folds) == 5
    assert sum(map(len, judged)) == len(set.union(*judged)) == 60
    for fold in folds:
        assert needs(fold.training)
        assert needs(fold.validation)
        assert not needs(fold.judged) & (needs(fold.training) | needs(fold.validation))
        assert not needs(fold.training) & needs(fold.validation)


@pytest.mark.parametrize(("n", "folds"), [(2, 2), (3, 3), (1, 1), (0, 0)])
def test_folds_of_very_few_needs(n, folds):
    assert len(split(log(n)).folds(5, seed=0)) == folds


def test_without_a_need_for_the_validation_one_becomes_it():
    sides = split_by_need(log(3), {}, ANALYSIS, SplitKey.of_seed(0), Shares(validation=1e-9, judged=0.0))
    assert len(needs(sides.validation)) == 1
    assert len(needs(sides.training)) == 2
    assert not split_by_need(log(1), {}, ANALYSIS, SplitKey.of_seed(0), Shares(1e-9, 0.0)).validation


def test_repeated_clicks_of_a_client_count_once():
    sides = split([session(f"s{i}", "again", clicks=("d",), client="c") for i in range(3)])
    assert [each.abandoned for each in sides.all] == [False, True, True]
