"""The vector of a session: the present query counts most."""

from __future__ import annotations

import numpy as np

from untilclick.search.text.encoders.session_vector import session_vector


def test_earlier_queries_count_less_the_older_they_are():
    vector = session_vector(np.eye(3, dtype=np.float32))  # three queries that have nothing in common
    assert np.allclose(vector / vector[0], [1.0, 0.6, 0.36])
    assert np.isclose(np.linalg.norm(vector), 1.0)
    assert vector.dtype == np.float32


def test_a_query_alone_has_its_own_vector():
    query = np.array([[0.6, 0.8]], dtype=np.float32)
    assert np.allclose(session_vector(query), query[0])


def test_queries_without_a_token_leave_the_others_alone():
    unit, nothing = np.array([0.0, 1.0], dtype=np.float32), np.zeros(2, dtype=np.float32)
    assert np.allclose(session_vector(np.stack([nothing, unit])), unit)
    assert not session_vector(np.stack([nothing, nothing])).any()
    assert session_vector(np.zeros((0, 2), dtype=np.float32)).shape == (2,)
    assert not session_vector(np.zeros((0, 2), dtype=np.float32)).any()
