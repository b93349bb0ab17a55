"""Users who type words of the subject that the wanted document lacks."""

import numpy as np
import pytest

from untilclick.search.records import Document, Topic
from untilclick.search.text.document_vectors import unit_tf_idf
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.need import NeedReader
from untilclick.search.users.subject_words import N_WORDS, SubjectWords
from untilclick.search.users.user import SimulatedUser, UserConfig

DOCUMENTS = [
    Document("copy", "Copy files", "Duplicate a file to another folder with permission bits"),
    Document("move", "Move files", "Rename a file or folder, perhaps to another disk"),
    Document("tree", "Copy trees", "Duplicate a folder recursively, symlinks too"),
    Document("socket", "Sockets", "Network endpoints listen and accept connections"),
    Document("server", "Servers", "Accept connections of clients on a network port"),
]
INDEX = TermIndex.from_documents(DOCUMENTS)
NEEDS = NeedReader(INDEX)
COPY = Topic("t1", "copy duplicate permission", {"copy": 2})
QUIET = {"misspell_share": 0.0, "drop_share": 0.0, "lay_share": 0.0, "describe_share": 0.0}


def test_words_come_from_documents_like_the_wanted_one_which_lacks_them():
    words = SubjectWords(INDEX).of(COPY)
    assert set(words) >= {"recursively", "trees", "rename", "disk"}
    assert set(words).isdisjoint({"copy", "files", "duplicate", "folder", "permission"})
    assert words.index("disk") < words.index("recursively")  # the move has more words of it than the tree
    assert "symlinks" not in words  # no English word
    assert "network" not in words
    assert len(words) <= N_WORDS


def test_several_relevant_documents_have_one_subject_and_lack_all_its_words():
    words = SubjectWords(INDEX).of(Topic("t2", "query", {"copy": 1, "tree": 2, "socket": 0}))
    assert set(words) >= {"rename", "disk"}
    assert "recursively" not in words
    assert SubjectWords(INDEX).of(Topic("t3", "query", {"gone": 1, "copy": 0})) == ()


def test_users_type_them_in_their_share_and_may_reach_the_documents_words():
    user = SimulatedUser(UserConfig(subject_share=0.4, **QUIET), NEEDS)
    rng = np.random.default_rng(0)
    queries = [user.first_query(COPY, rng) for _ in range(1000)]
    own = {"copy", "duplicate", "permission"}
    of_subject = [sum(word.meant not in own for word in query.words) for query in queries]
    assert all(len(set(query.words)) == 3 for query in queries)  # no word twice
    assert np.mean(of_subject) / 3 == pytest.approx(0.4, abs=0.03)
    assert {word.meant for query in queries for word in query.words} <= own | set(SubjectWords(INDEX).of(COPY))
    query = max(queries, key=lambda query: len({word.meant for word in query.words} - {"copy", "duplicate"}))
    words = {
        word.meant
        for seed in range(200)
        if (following := user.next_query(COPY, query, np.random.default_rng(seed)))
        for word in following.words
    }
    assert own <= words


def test_nobody_types_them_for_real_queries_or_without_the_habit():
    for queries, share in (("real", 1.0), ("made", 0.0)):
        user = SimulatedUser(UserConfig(subject_share=share, **QUIET), NEEDS, queries)
        assert user.first_query(COPY, np.random.default_rng(0)).text == "copy duplicate permission"


def test_vectors_have_unit_length_and_terms_of_all_documents_count_nothing():
    index = TermIndex.from_documents(
        [Document(str(i), "", text) for i, text in enumerate(("a1 b1 b1", "a1 c1", "a1"))]
    )
    vectors = unit_tf_idf(index.counts).toarray()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0])
    assert vectors[0, index.term_ids["a1"]] == 0
