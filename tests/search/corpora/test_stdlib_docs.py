"""Python's own documentation as a corpus."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from untilclick.search.corpora import stdlib_docs
from untilclick.search.corpora.stdlib_docs import load_documents
from untilclick.search.corpora.stdlib_harvest import _signature, spoken_name
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.errors import DataError

COPIES = ("socket.socket.", "random.Random.")
"""Members of classes whose half in C is public under another name, and of one with an instance in the module."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache directory that the first load of this module fills."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def documents(cache):
    """The corpus of the running interpreter."""
    return load_documents(cache)


def test_there_are_some_thousand_documents_with_distinct_ids(documents):
    assert 4500 < len(documents) < 7500
    assert len({document.doc_id for document in documents}) == len(documents)


def test_a_document_is_named_signed_and_described(documents):
    by_id = {document.doc_id: document for document in documents}
    rmtree = by_id["shutil.rmtree"]
    assert rmtree.title == "shutil.rmtree"
    assert rmtree.text.startswith("rmtree(path, ignore_errors=False")
    assert "Recursively delete a directory tree" in rmtree.text
    assert "str.split" in by_id
    assert "os.path.join" in by_id
    assert by_id["threading.Thread"].text.startswith("Thread(group=None")


def test_an_object_has_one_document_under_its_shortest_public_name(documents):
    ids = {document.doc_id for document in documents}
    assert "json.JSONDecoder" in ids
    assert "json.decoder.JSONDecoder" not in ids
    assert not ids & {"posixpath.join", "ntpath.join", "io.open", "IOError"}


def test_a_docstring_is_never_inherited(documents):
    """`inspect.getdoc` would give every undocumented override the text of its base."""
    classes = {d.doc_id for d in documents if not d.text.startswith("module ")}
    members = [d for d in documents if d.doc_id.rpartition(".")[0] in classes and not d.doc_id.startswith(COPIES)]
    assert len(members) > 2000
    bodies = [(d.doc_id.rpartition(".")[2], d.text.partition("\n\n")[2]) for d in members]
    assert len(set(bodies)) == len(bodies)


def test_private_and_test_modules_are_left_out(documents):
    parts = [document.doc_id.split(".") for document in documents]
    assert not any(part.startswith("_") for names in parts for part in names)
    assert not {names[0] for names in parts} & {"test", "idlelib", "antigravity", "this"}


def test_defaults_are_shown_only_where_every_machine_has_the_same():
    def function(a=None, b=(1, "x"), c=os.environ, d="/usr/lib", e="y" * 100): ...

    assert _signature("module.function", function) == "function(a=None, b=(1, 'x'), c=..., d=..., e=...)"


def test_the_second_load_reads_the_cache_and_starts_no_process(documents, cache, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert load_documents(cache) == documents


def test_a_damaged_cache_is_harvested_anew_to_the_same_bytes(documents, tmp_path, monkeypatch, caplog):
    """A default value in a signature was once the environment of the process, with its secrets."""
    monkeypatch.setenv("HARVEST_SECRET", "sesame")
    (tmp_path / stdlib_docs._cache_name()).write_text('{"_id": "a"')
    with caplog.at_level(logging.WARNING):
        assert load_documents(tmp_path) == documents
    assert "harvested again" in caplog.text
    assert not any(" at 0x" in document.text for document in documents)


def test_a_cache_that_cannot_be_written_costs_only_time(documents, cache, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setattr(stdlib_docs, "_run_harvest", (cache / stdlib_docs._cache_name()).read_bytes)
    with caplog.at_level(logging.WARNING):
        assert load_documents(tmp_path / "file") == documents
    assert "harvested each time" in caplog.text


def test_an_interpreter_that_cannot_be_harvested_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(stdlib_docs, "_HARVEST", "raise SystemExit('no docstrings')")
    with pytest.raises(DataError, match=r"could not list its own documentation \(no docstrings\)\. Give another"):
        load_documents(tmp_path)


def test_loading_imports_nothing_unusual_into_this_process(cache):
    code = (
        "import pathlib, sys; from untilclick.search.corpora.stdlib_docs import load_documents; "
        "load_documents(pathlib.Path(sys.argv[1])); "
        "print(sorted({'idlelib', 'smtplib', 'xmlrpc.server', 'unittest.mock'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(cache)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("concurrent.futures.ThreadPoolExecutor", "Thread Pool Executor"),
        ("http.client.HTTPConnection.request", "HTTP Connection"),
        ("shutil.rmtree", ""),
        ("os.O_RDONLY", ""),
    ],
)
def test_camel_case_names_are_spelled_out(name, spoken):
    assert spoken_name(name) == spoken


def test_most_documents_get_a_topic(documents):
    described = [document for document in documents if len(document.text.split()) > 8][:1000]
    topics = topics_from_documents(described, 0)
    assert sum(map(len, topics.values())) > 950
    assert len(topics["test"]) > 60
