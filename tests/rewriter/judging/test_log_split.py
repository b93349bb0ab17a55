"""The sides of a log."""

import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untilclick.rewriter.judging.log_split import Part, Shares, split_log
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import DataError
from untilclick.search.records import TOPIC_ATTRIBUTE, Click, Session, Turn

KEY = SplitKey.of_seed(0)
SHARES = Shares(validation=0.2, judged=0.3)


def session(name, *queries, clicked=(), topic=None):
    """A session of some queries, with all clicks at the last."""
    attributes = {} if topic is None else {TOPIC_ATTRIBUTE: topic}
    last = len(queries) - 1
    clicks = tuple(Click(f"{name}q{last}", doc_id, 1, 0.0) for doc_id in clicked)
    turns = (
        Turn(f"{name}q{step}", step, query, None, tuple(clicked), clicks if step == last else (), 0.0, attributes)
        for step, query in enumerate(queries)
    )
    return Session(name, "live", tuple(turns))


def split(sessions, key=KEY, **topics):
    return split_log(sessions, english(), key, SHARES, topics)


def part_of(divided, each):
    return next(part for part in Part if list(divided.sessions([each], part)))


LOG = [session(f"s{i}-{j}", f"query {i} {j}", clicked=[f"d{i}"]) for i in range(300) for j in range(i % 3 + 1)]


def test_a_need_is_on_one_side():
    divided = split(LOG)
    for i in range(300):
        assert len({part_of(divided, each) for each in LOG if each.clicked == (f"d{i}",)}) == 1
    assert divided.record.n_needs == 300
    assert (divided.record.n_sessions, divided.record.largest) == (600, 3)


def test_the_shares_are_those_of_needs():
    divided = split([session(f"s{i}", f"query {i}", clicked=[f"d{i}"]) for i in range(4000)])
    shares = np.bincount(divided.parts, minlength=3) / 4000
    assert shares == pytest.approx([0.7 * 0.8, 0.7 * 0.2, 0.3], abs=0.03)


def test_sides_do_not_depend_on_the_order_nor_on_the_rest_of_the_log():
    whole, some = split(LOG), split(LOG[::-1][:200])
    assert all(part_of(whole, each) == part_of(some, each) for each in LOG[-200:])


def test_another_key_gives_other_sides():
    other = split(LOG, SplitKey.of_seed(1))
    assert sum(part_of(split(LOG[:60]), each) != part_of(other, each) for each in LOG[:60]) > 10
    assert other.record.key != split(LOG).record.key


def test_a_need_of_many_documents_is_judged_no_more_often_than_one_of_a_single_document():
    """The smallest of many numbers is small; the side comes from another number of the same document."""
    log = [session(f"s{i}", f"query {i}", clicked=[f"d{i}-{k}" for k in range(8)]) for i in range(3000)]
    assert np.mean(split(log).parts == Part.JUDGED) == pytest.approx(0.3, abs=0.03)


def test_queries_of_a_session_are_never_parted():
    long = session("s", "tea", "green tea", "sencha", clicked=["a", "b"])
    short = [session(f"t{i}", query, clicked=["a", "b"]) for i, query in enumerate(("tea", "green tea", "sencha"))]
    divided = split([long, *short, *LOG])
    assert {part_of(divided, each) for each in short} == {part_of(divided, long)}
    assert {divided.need_of(each) for each in short} == {divided.need_of(long)}


def test_simulated_sessions_have_the_need_of_their_topic():
    log = [session(f"s{i}", f"query {i}", clicked=[f"d{i}"], topic=f"t{i % 4}") for i in range(40)]
    assert split(log).record.n_needs == 4
    assert all(len({part_of(split(log), each) for each in log[topic::4]}) == 1 for topic in range(4))
    assert split(log, t0="both", t1="both").record.n_needs == 3


def test_queries_that_training_typed_are_counted():
    log = [session(f"s{i}", "the same words", f"query {i}", clicked=[f"d{i}"]) for i in range(200)]
    divided = split(log)
    assert divided.record.n_typed_in_training == np.sum(divided.parts != Part.TRAINING)


def test_a_popular_document_stays_whole_and_is_for_training():
    popular = [session(f"p{i}", f"popular {i}", clicked=["d"]) for i in range(200)]
    for seed in range(8):
        divided = split([*popular, *LOG], SplitKey.of_seed(seed))
        assert divided.record.kept_whole == 1
        assert {part_of(divided, each) for each in popular} == {Part.TRAINING}


def test_sessions_without_a_click_are_no_needs_and_stand_with_their_query():
    log = [session(f"u{i}{k}", f"unclicked {i}") for i in range(50) for k in "ab"]
    divided = split(log)
    assert (divided.record.n_sessions, divided.record.n_clicked, divided.record.n_needs) == (100, 0, 0)
    assert all(part_of(divided, log[2 * i]) == part_of(divided, log[2 * i + 1]) for i in range(50))


def test_a_session_id_that_occurs_twice_is_refused():
    with pytest.raises(DataError, match="occurs a second time"):
        split([LOG[0], LOG[0]])


def test_half_a_surrogate_pair_is_a_query():
    assert split([session("s", "tea \ud83d", clicked=["a"])]).record.n_sessions == 1


def test_an_empty_log_and_an_unknown_session():
    divided = split([Session("empty", "live", ())])
    assert (divided.record.n_sessions, divided.record.n_needs) == (0, 0)
    assert divided.need_of(LOG[0]) is None
    assert list(divided.sessions(LOG, Part.TRAINING)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.frozensets(st.sampled_from("uvwxyz"), max_size=3)), max_size=20))
def test_every_session_has_one_part_and_equal_clicks_have_the_same(rows):
    log = [session(f"s{i}", query, clicked=sorted(clicked)) for i, (query, clicked) in enumerate(rows)]
    divided = split(log)
    by_clicks = {}
    for each in log:
        if each.clicked:
            assert by_clicks.setdefault(each.clicked, part_of(divided, each)) == part_of(divided, each)


def test_a_key_in_a_file_is_made_once_and_read_by_its_owner_alone(tmp_path):
    path = tmp_path / "models" / "split.key"
    first = SplitKey.of_file(path)
    assert SplitKey.of_file(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first != SplitKey.of_file(tmp_path / "other.key")
    assert first.name not in path.read_text()
