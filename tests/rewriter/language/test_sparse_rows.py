"""The entries of a row."""

from scipy.sparse import csr_array

from untilclick.rewriter.language.sparse_rows import entries_of


def test_entries_are_those_of_the_row_as_they_are_stored():
    matrix = csr_array(([3.0, 1.0, 2.0], [2, 0, 1], [0, 2, 2, 3]), shape=(3, 3))
    entries = [[part.tolist() for part in entries_of(matrix, row)] for row in range(3)]
    assert entries == [[[2, 0], [3.0, 1.0]], [[], []], [[1], [2.0]]]
