"""Base form and part of speech of words, told by their neighbours."""

import pytest

from untilclick.search.records import Document
from untilclick.search.text.wordnet.sense_table import shipped_senses
from untilclick.search.users.vocabulary.concepts import Concept, concepts_of, read_uses

from tests.search.users.vocabulary.vocabulary_corpus import themed_documents


def _concepts(*sentences: str) -> dict[str, Concept]:
    """The concepts of three documents that each consist of these sentences."""
    documents = [Document(str(i), "", " ".join(sentences)) for i in range(3)]
    return concepts_of(read_uses(documents), shipped_senses(), least_documents=3)


def test_file_is_a_noun_and_a_function_of_code_is_nothing():
    concepts = concepts_of(read_uses(themed_documents()), shipped_senses(), least_documents=3)
    assert concepts["file"] == Concept("file", "n")
    assert concepts["excrete"] == Concept("excrete", "v")
    assert concepts["kidneys"] == Concept("kidney", "n")
    assert "exec" not in concepts


@pytest.mark.parametrize(
    ("sentence", "word", "concept"),
    [
        ("You can compress it. Call this to compress data. It will compress them.", "compress", ("compress", "v")),
        ("Compress a file. Compress the data.", "compress", ("compress", "v")),
        ("Use a compress. Put the compress on. The compress is cold.", "compress", ("compress", "n")),
        ("The omitted values are omitted, and it is omitted.", "omitted", ("omit", "v")),
        ("This is very urgent. An urgent call. It is urgent.", "urgent", ("urgent", "a")),
        ("The children saw it. All of the children.", "children", ("child", "n")),
    ],
)  # fmt: skip
def test_neighbours_tell_the_part_of_speech(sentence, word, concept):
    assert _concepts(sentence)[word] == concept


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("We use Node here, and so Node is good. Then Node is run.", "node"),  # a name
        ("Read os.environ and environ_names or call environ(), not environ.", "environ"),  # code
        ("Get everything except the last. All except a few. Nothing except it.", "except"),  # a preposition
        ("The encoding is bad. Of the encoding. An encoding of text.", "encoding"),  # the noun of a verb
        ("Take an ox. The ox is big.", "ox"),  # short
        ("The frobnication is big. A frobnication is good.", "frobnication"),  # unknown
    ],
)
def test_names_code_function_words_and_participles_are_no_concepts(sentence, word):
    assert word not in _concepts(sentence)


def test_a_word_of_few_documents_is_no_concept():
    documents = [Document("a", "", "The kidney hurts."), Document("b", "", "The boat floats.")]
    assert concepts_of(read_uses(documents), shipped_senses(), least_documents=2) == {}
    assert read_uses([]) == {}
