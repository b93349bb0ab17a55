"""The benchmark of lay words on a small made-up corpus."""

import json

from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.text.term_index import TermIndex

from benchmarks import bench_lay_vocabulary as bench
from tests.search.users.vocabulary.vocabulary_corpus import themed_corpus, themed_documents


def _write(path, documents):
    lines = (json.dumps({"_id": each.doc_id, "title": each.title, "text": each.text}) for each in documents)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_pairs_are_printed_with_their_documents_and_definition(tmp_path, capsys):
    source = _write(tmp_path / "themed.jsonl", themed_documents())
    assert bench.main(["--data", str(source), "--pairs", "1000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{source}: 120 documents, ")
    held = bench.documents_with(OpenedCollection.load(str(source)).index, "excrete")
    assert f"    excrete (v) > eliminate [{held}, 0] 0.35: eliminate body" in lines


def test_a_corpus_without_a_vocabulary_is_named(tmp_path, capsys):
    source = _write(tmp_path / "few.jsonl", themed_documents(6))
    bench.main(["--data", str(source)])
    assert capsys.readouterr().out == f"{source}: no vocabulary\n"


def test_the_same_seed_draws_the_same_pairs():
    pairs = list(range(50))
    assert bench.drawn(pairs, 10, seed=0) == bench.drawn(pairs, 10, seed=0) == sorted(bench.drawn(pairs, 10, seed=0))
    assert bench.drawn(pairs, 10, seed=0) != bench.drawn(pairs, 10, seed=1)
    assert bench.drawn(pairs, 80, seed=0) == pairs


def test_documents_hold_all_words_of_a_text():
    index = TermIndex.build(themed_corpus())
    assert bench.documents_with(index, "kidney urine") <= bench.documents_with(index, "kidney")
    assert bench.documents_with(index, "kidney boat") == 0
    assert bench.documents_with(index, "banana") == bench.documents_with(index, "the") == 0
