"""What all stages share."""

from __future__ import annotations

import json

import pytest

from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.training_data import LoggedQuery
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import DataError


def test_a_source_is_loaded_and_indexed(tmp_path):
    path = tmp_path / "documents.jsonl"
    rows = [{"_id": str(i), "title": f"Title {i}", "text": f"alpha word{i} " * 8} for i in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench = Workbench.open(str(path), "tantivy")
    assert len(bench.index.doc_ids) == 5
    assert bench.spelling.known("alpha")
    assert bench.engine == "tantivy"


def test_a_source_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        Workbench.open(str(tmp_path / "nowhere"), "tantivy")


def test_validation_takes_first_queries_before_later_ones_and_none_without_judgments(bench, scorer, language):
    later = LoggedQuery(RewriteRequest("oven", ("dough",)), {"kitchen-0": 1})
    first = LoggedQuery(RewriteRequest("moon"), {"sky-0": 1})
    unjudged = LoggedQuery(RewriteRequest("sail"), {})
    assert len(bench.validation_set([later, unjudged, first], scorer, language, 10)) == 2
    chosen = bench.validation_set([later, unjudged, first], scorer, language, 1)
    assert chosen._prompts[0].ids[0] == scorer.vocabulary.token_ids["moon"]
    assert len(bench.validation_set([], scorer, language, 10)) == 0


def test_unknown_words_are_corrected_only_where_that_helps_the_original_queries(bench, scorer, language):
    misspelt = LoggedQuery(RewriteRequest("doughh"), {"kitchen-0": 1})
    name = LoggedQuery(RewriteRequest("moon doughh"), {"sky-0": 1})
    helped, harmed = (
        bench.validation_set([misspelt], scorer, language, 10),
        bench.validation_set([name] * 3, scorer, language, 10),
    )
    assert helped.corrections
    assert not harmed.corrections
