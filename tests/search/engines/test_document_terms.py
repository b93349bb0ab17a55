"""The terms of a corpus: in several processes the same, in the same order, as in one."""

from types import SimpleNamespace

import pytest

from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.engines import document_terms as module
from untilclick.search.engines.document_terms import document_terms
from untilclick.search.records import Document

TEXTS = (
    "The lamp by the window",
    "C++ and os.path.join",
    "128 GB of memory",
    "Lampe über dem Fenster",
    "",
    "\ud83d lamp",
)


@pytest.fixture
def documents():
    return [Document(f"d{number}", f"Lamp {number}", TEXTS[number % len(TEXTS)]) for number in range(23)]


@pytest.fixture
def many(monkeypatch):
    """Ten documents are many."""
    for name, value in {"MANY": 10, "BATCH": 4, "AHEAD": 1, "cpu_count": lambda: 2}.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("name", ["2-en", "2-de"])
def test_several_processes_give_the_terms_of_one(documents, monkeypatch, many, name):
    analysis = analysis_by_name(name)
    expected = [analysis.document(document.content) for document in documents]
    started = []
    executor = module.get_reusable_executor
    monkeypatch.setattr(
        module, "get_reusable_executor", lambda **options: started.append(options) or executor(**options)
    )
    assert list(document_terms(iter(documents), analysis)) == expected
    assert [options["max_workers"] for options in started] == [2]


def test_documents_are_read_a_few_batches_ahead_and_a_reader_may_stop(documents, many):
    read = []
    terms = document_terms((read.append(1) or document for document in documents * 20), analysis_by_name("2-en"))
    next(terms)
    assert len(read) <= 10 + 4 * 4
    terms.close()


@pytest.mark.parametrize(("least", "cpus", "daemon"), [(24, 8, False), (10, 1, False), (10, 8, True)])
def test_no_process_is_started(documents, monkeypatch, least, cpus, daemon):
    """Of a small corpus, on one CPU, and by a daemon process."""
    monkeypatch.setattr(module, "MANY", least)
    monkeypatch.setattr(module, "cpu_count", lambda: cpus)
    monkeypatch.setattr(module, "current_process", lambda: SimpleNamespace(daemon=daemon))
    monkeypatch.setattr(module, "get_reusable_executor", lambda **_: pytest.fail("a process was started"))
    assert len(list(document_terms(documents, analysis_by_name("2-en")))) == len(documents)
