"""Sessions as people read them."""

from untilclick.app.terminal.session_lines import session_lines
from untilclick.search.records import TOPIC_ATTRIBUTE, Click, Document, Session, Turn

DOCUMENTS = {"rm": Document("rm", "shutil.rmtree\n(path)", "text"), "bare": Document("bare", "", "text")}


def turn(step, query, ranks=(), **attributes):
    clicks = tuple(Click(f"q{step}", shown, rank, 1.0) for rank, shown in ranks)
    return Turn(f"q{step}", step, query, None, ("rm", "bare"), clicks, 0.0, {TOPIC_ATTRIBUTE: "rm", **attributes})


def test_a_session_shows_its_need_its_queries_and_the_titles_that_were_clicked():
    session = Session(
        "s1",
        "simulated",
        (
            turn(0, "erase folder", [(2, "bare")], kind="first", lay_known="erase", lay_new="folder"),
            turn(1, "delete folder", [(1, "rm")], kind="substitute", lay_new="folder"),
        ),
    )
    assert list(session_lines([session], DOCUMENTS)) == [
        "1. shutil.rmtree (path)",
        "   > erase folder   (own words: erase, folder)",
        "       2. bare",
        "   > delete folder   (substitute; own words: folder)",
        "       1. shutil.rmtree (path)",
    ]


def test_a_session_without_a_click_was_given_up():
    session = Session("s2", "simulated", (turn(0, "x", kind="description"),))
    assert list(session_lines([session], {}))[1:] == ["   > x   (description)", "     gave up"]
    assert list(session_lines([], {})) == []
