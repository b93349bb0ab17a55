"""Real sessions of public collections as session records, and fields that nothing may be read from."""

import json

import pytest

from untilclick.search.errors import DataError
from untilclick.search.records import Click

from benchmarks.real_sessions import SIM4IA, TREC, sim4ia_sessions, trec_sessions

TREC_RECORDS = [
    {
        "session_id": "1",
        "topic": "6",
        "steps": [
            {"query_id": "1-1", "query": "US coins", "shown": ["a", "b"], "clicks": []},
            {
                "query_id": "1-2",
                "query": "old US coins",
                "shown": ["b", "c"],
                "clicks": [
                    {"doc": "c", "rank": 2, "start": "9.5", "end": "12.0"},
                    {"doc": "b", "rank": 1, "start": "4.25", "end": "5.0"},
                ],
            },
        ],
    },
    {"session_id": "2", "topic": None, "steps": [{"query": "Boston", "shown": [], "clicks": []}]},
]
SIM4IA_RECORDS = [
    {
        "session_id": "s",
        "steps": [
            {"query": "social work", "time": "2025-01-11 10:00:36", "shown": [5, 7], "clicks": ["7", "7", "9"]},
        ],
    }
]
GARBAGE = {
    "current_query": "garbage",
    "clicked": ["garbage"],
    "queries": ["garbage"],
    "metadata": {"manual": "garbage", "automatic": "garbage"},
}


def written(folder, records):
    folder.mkdir(exist_ok=True)
    (folder / "sessions.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return folder


def test_sessions_of_trec(tmp_path):
    real = trec_sessions(written(tmp_path, TREC_RECORDS))
    first, second = real.sessions
    assert [turn.query for turn in first.turns] == ["US coins", "old US coins"]
    assert first.turns[1].shown == ("b", "c")
    assert first.turns[1].clicks == (Click("1-1", "b", 1, 4.25), Click("1-1", "c", 2, 9.5))
    assert second.abandoned
    assert real.topic_of == {"1": "6"}
    assert real.censoring is TREC
    assert TREC.last_query_unseen


def test_sessions_of_sim4ia_have_every_clicked_document_once(tmp_path):
    real = sim4ia_sessions(written(tmp_path, SIM4IA_RECORDS))
    [[turn]] = [session.turns for session in real.sessions]
    assert [(click.doc_id, click.rank) for click in turn.clicks] == [("7", 2)]
    assert real.topic_of == {}
    assert real.censoring is SIM4IA
    assert "clicked_overlap" in SIM4IA.cannot_say


@pytest.mark.parametrize(("read", "records"), [(trec_sessions, TREC_RECORDS), (sim4ia_sessions, SIM4IA_RECORDS)])
def test_what_is_judged_and_what_people_resolved_by_hand_may_be_garbage(tmp_path, read, records):
    plain = read(written(tmp_path / "plain", records))
    steps = [{**step, "metadata": GARBAGE["metadata"], "manual": "x"} for step in records[0]["steps"]]
    spoilt = [{**record, **GARBAGE} for record in [{**records[0], "steps": steps}, *records[1:]]]
    assert read(written(tmp_path / "spoilt", spoilt)) == plain


def test_a_click_that_was_not_shown_there_is_refused(tmp_path):
    [click, _] = TREC_RECORDS[0]["steps"][1]["clicks"]
    step = {**TREC_RECORDS[0]["steps"][1], "clicks": [{**click, "rank": 1}]}
    with pytest.raises(DataError, match="c was clicked on rank 1"):
        trec_sessions(written(tmp_path, [{**TREC_RECORDS[0], "steps": [step]}]))
