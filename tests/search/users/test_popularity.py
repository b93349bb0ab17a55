"""Users look more often for what other documents name."""

import numpy as np
import pytest

from untilclick.search.records import Collection, Corpus, Document, Topic
from untilclick.search.users.popularity import need_popularity

DOCUMENTS = (
    Document("copy", "shutil.copy", "Copies a file."),
    Document("move", "shutil.move", "Renames it, or calls shutil.copy and os.remove."),
    Document("tree", "shutil.copytree", "Copies a folder by shutil.copy; see os.remove and shutil.copy."),
    Document("rm", "os.remove", "Removes a file."),
    Document("lone", "zlib.crc32", "Computes a checksum."),
)
TOPICS = tuple(Topic(document.doc_id, "words", {document.doc_id: 1}) for document in DOCUMENTS)


def collection(queries):
    return Collection(Corpus("toy", DOCUMENTS, "0" * 16), {"train": TOPICS}, queries)


def test_a_document_is_looked_for_by_the_number_of_documents_that_name_it():
    made = collection("made")
    np.testing.assert_allclose(need_popularity(TOPICS, made, 1.0), [3, 1, 1, 3, 1])
    np.testing.assert_allclose(need_popularity(TOPICS, made, 0.5), np.sqrt([3, 1, 1, 3, 1]))
    several = [Topic("both", "words", {"lone": 1, "copy": 1, "gone": 2})]
    assert need_popularity(several, made, 1.0) == pytest.approx([3])


def test_topics_of_people_and_an_exponent_of_0_leave_all_equally_often():
    assert need_popularity(TOPICS, collection("real"), 1.0) is None
    assert need_popularity(TOPICS, collection("made"), 0.0) is None
    assert need_popularity((), collection("made"), 1.0) is None
