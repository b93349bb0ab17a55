"""The terms of a corpus: in several processes the same, in the same order, as in one."""

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


@pytest.mark.parametrize("name", ["2-en", "2-de"])
def test_several_processes_give_the_terms_of_one(documents, monkeypatch, name):
    analysis = analysis_by_name(name)
    expected = [analysis.document(document.content) for document in documents]
    monkeypatch.setattr(module, "MANY", 10)
    monkeypatch.setattr(module, "BATCH", 4)
    monkeypatch.setattr(module, "cpu_count", lambda: 2)
    started = []
    parallel = module.Parallel
    monkeypatch.setattr(module, "Parallel", lambda n, **options: started.append(n) or parallel(n, **options))
    assert list(document_terms(iter(documents), analysis)) == expected
    assert started == [2]


@pytest.mark.parametrize(("many", "cpus"), [(24, 8), (10, 1)], ids=["small corpus", "one CPU"])
def test_no_process_is_started(documents, monkeypatch, many, cpus):
    analysis = analysis_by_name("2-en")
    monkeypatch.setattr(module, "MANY", many)
    monkeypatch.setattr(module, "cpu_count", lambda: cpus)
    monkeypatch.setattr(module, "Parallel", lambda *_, **__: pytest.fail("a process was started"))
    assert len(list(document_terms(documents, analysis))) == len(documents)
