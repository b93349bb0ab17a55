"""A made-up corpus on kidneys, sailing and files, whose words have clear senses."""

import numpy as np

from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Corpus, Document

SENTENCES = {
    "kidneys": (
        "The kidneys excrete urea from the body.",
        "Healthy kidneys can excrete a stone of salt.",
        "The physician saw a patient with kidney stones.",
        "A licensed physician is a medical practitioner.",
        "Urine leaves the body through the kidney.",
        "Medical care of the patient protects the body and the kidneys.",
    ),
    "sailing": (
        "The crew hoists the sail in the wind.",
        "A boat sails before the wind to the harbour.",
        "Waves of the sea lift the boat.",
        "The harbour shelters ships from the storm.",
        "An anchor keeps the boat at rest.",
        "The mast carries the sail.",
    ),
    "files": (
        "Open the file and read its bytes.",
        "A file is a set of records on the disk.",
        "Each file in the folder is closed.",
        "Run exec(code) with the bytes of the file.",
        "The buffer holds records of the disk.",
        "The function exec(object) reads a string.",
    ),
}
"""Theme -> its sentences."""


def themed_documents(n: int = 120, seed: int = 0) -> tuple[Document, ...]:
    """n documents of four sentences on one theme each."""
    rng = np.random.default_rng(seed)
    themes = list(SENTENCES)
    texts = (" ".join(rng.choice(SENTENCES[themes[i % len(themes)]], 4, replace=False)) for i in range(n))
    return tuple(Document(f"d{i}", "", text) for i, text in enumerate(texts))


def themed_corpus(n: int = 120, extra: str = "") -> Corpus:
    """The corpus of these documents, each with the same text at its end."""
    documents = [Document(each.doc_id, "", f"{each.text} {extra}".strip()) for each in themed_documents(n)]
    return corpus_of("themed", documents)
