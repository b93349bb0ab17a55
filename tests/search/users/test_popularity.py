"""Users look more often for what other documents name."""

import numpy as np

from untilclick.search.records import Corpus, Document, Topic
from untilclick.search.users.popularity import need_popularity

DOCUMENTS = (
    Document("copy", "shutil.copy", "Copies a file."),
    Document("move", "shutil.move", "Renames it, or calls shutil.copy and os.remove."),
    Document("tree", "shutil.copytree", "Copies a folder by shutil.copy; see os.remove and shutil.copy."),
    Document("rm", "os.remove", "Removes a file."),
    Document("lone", "zlib.crc32", "Computes a checksum."),
)
TOPICS = tuple(Topic(document.doc_id, "words", {document.doc_id: 1}) for document in DOCUMENTS)


CORPUS = Corpus("toy", DOCUMENTS, "0" * 16)


def test_a_document_is_looked_for_by_the_number_of_documents_that_name_it():
    np.testing.assert_allclose(need_popularity(TOPICS, CORPUS, 1.0), [3, 1, 1, 3, 1])
    np.testing.assert_allclose(need_popularity(TOPICS, CORPUS, 0.5), np.sqrt([3, 1, 1, 3, 1]))
    several = [Topic("both", "words", {"lone": 1, "copy": 1, "gone": 2}), Topic("none", "words", {"copy": 0})]
    np.testing.assert_allclose(need_popularity(several, CORPUS, 1.0), [3, 1])


def test_an_exponent_of_0_leaves_all_equally_often():
    assert need_popularity(TOPICS, CORPUS, 0.0) is None
    assert need_popularity((), CORPUS, 1.0) is None
