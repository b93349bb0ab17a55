"""The benchmark of the spelling correction, and how its lexicon and weights are made, on a few words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from untilclick.search.records import Document
from untilclick.search.text.spelling import SpellingCorrector
from untilclick.search.text.term_index import TermIndex

from benchmarks import bench_spelling, spelling_model

SAILS = "weather forecast harbour lighthouse anchor captain rescue current compass sailing order"


def test_the_word_list_has_each_word_once_in_its_field():
    fields = bench_spelling.correct_words()
    assert len(fields) >= 20
    assert all(len(words) >= 50 and len(words) == len(set(words)) for words in fields.values())
    assert not any("#" in word or "[" in word for words in fields.values() for word in words)


def test_what_becomes_of_correct_words_and_misspellings_is_counted():
    spelling = SpellingCorrector(dict.fromkeys(SAILS.split(), 3), rules=1)
    pair = ("weather", "harbour")
    changed = bench_spelling.changed_words(spelling, pair, "german", ["ordner", "auto"])
    assert (changed.n_words, changed.alone, changed.in_context) == (2, 0.5, 0.5)
    assert changed.examples == ("ordner -> order",)
    pairs = [("captian", "captain"), ("captian", "rescue"), ("zzzzzzz", "rescue"), ("order", "order")]
    mended = bench_spelling.mended(spelling, pair, "listed", pairs)
    assert (mended.n, mended.right, mended.wrong, mended.left) == (3, *(pytest.approx(1 / 3),) * 3)


def test_the_benchmark_compares_both_versions(tmp_path, capsys):
    lines = [json.dumps({"_id": str(i), "title": word, "text": SAILS}) for i, word in enumerate(SAILS.split())]
    data = tmp_path / "sails.jsonl"
    data.write_text("\n".join(lines))
    bench_spelling.main(["--data", str(data), "--misspellings", "50", "--json", str(tmp_path / "out.json")])
    first, second = json.loads((tmp_path / "out.json").read_text())["rules"]
    assert (first["rules"], second["rules"]) == (1, 2)
    assert first["changed"][-1]["alone"] > second["changed"][-1]["alone"]
    assert all(sum(row[name] for name in ("right", "wrong", "left")) == pytest.approx(1) for row in second["mended"])
    assert "as typed" in capsys.readouterr().out


def test_words_are_listed_as_they_are_typed_without_accents():
    assert spelling_model.spellings("größe") == {"größe", "große", "grosse", "groesse"}
    assert spelling_model.spellings("e\u0301te\u0301") == {"été", "ete"} | {"e\u0301te\u0301"}
    assert spelling_model.spellings("rope") == {"rope"}


def test_summaries_count_each_word_once_and_equal_summaries_once(tmp_path):
    path = tmp_path / "packages.tsv"
    path.write_text("rigging\t1\tRope, rope and sails\nother\t1\trope, rope and sails\nshort\nsails\t2\tmore 4u\n")
    counts = spelling_model.summary_words([path])
    assert counts == {"rope": 1, "and": 1, "sails": 2, "rigging": 1, "more": 1}


def test_learned_weights_tell_the_right_candidate_and_mistakes():
    rng = np.random.default_rng(0)
    choices = [(np.array([[1.0, 0.0], [0.0, 1.0]]), 0) for _ in range(20)]
    weights = spelling_model.choice_weights(choices)
    assert weights[0] > 1 > -1 > weights[1]
    wrong, correct = rng.normal([2, 1], 0.1, (30, 2)), rng.normal([-2, 1], 0.1, (30, 2))
    assert spelling_model.trust_weights(wrong, correct)[0] > 1


def test_cases_have_misspellings_of_the_corpus_and_correct_words_outside_the_lexicon():
    index = TermIndex.from_documents([Document("1", "", SAILS)])
    cases = spelling_model.cases(index, ["ordnerx", "lighthouse", "weather"], 40, np.random.default_rng(1))
    assert cases.misspelt
    assert len(cases.misspelt) == len(cases.unlisted)
    assert [len(rows[0]) for rows in cases.correct] == [len(spelling_model.WEIGHTS)]
