"""docs/encoders.md says what is there."""

from __future__ import annotations

import re
from pathlib import Path

from untilclick.rewriter.policy.encoders.sentence_model import ARCHITECTURES
from untilclick.search.engines.vectors.encoded_documents import PIECE
from untilclick.search.measures.encoder_trial import FEWEST_DOCUMENTS, MOST_DOCUMENTS
from untilclick.search.text.encoders import minilm
from untilclick.search.text.encoders.hub import TIMEOUT_SECONDS
from untilclick.search.text.encoders.opened import ENCODER_NAMES, WITHOUT_ENCODER

PAGE = (Path(__file__).parents[4] / "docs" / "encoders.md").read_text(encoding="utf-8")


def test_the_page_lists_every_name():
    rows = re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)
    assert set(ENCODER_NAMES) <= set(rows)


def test_the_page_lists_the_files_of_a_converted_model(tiny_encoder):
    names = {path.name for path in tiny_encoder.folder.iterdir()}
    assert {name.rstrip("/") for name in re.findall(r"^\| `([\w.]+/?)` \| ", PAGE, re.MULTILINE)} >= names


def test_the_page_has_the_limits_of_the_program():
    assert all(architecture in PAGE for architecture in ARCHITECTURES)
    assert f"after every {PIECE} texts" in PAGE
    assert f"of up to {MOST_DOCUMENTS} documents" in PAGE
    assert f"with fewer than {FEWEST_DOCUMENTS} others" in PAGE
    assert TIMEOUT_SECONDS == 3
    assert "given up after three seconds" in PAGE


def test_the_example_says_what_is_lost_without_an_encoder(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("UNTILCLICK_CACHE", str(tmp_path))
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out.strip() == WITHOUT_ENCODER


def test_the_example_compares_two_texts(monkeypatch, tiny_encoder, capsys):
    from untilclick.search.text.encoders import opened

    monkeypatch.setattr(opened, "_minilm", lambda *arguments: tiny_encoder)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, {})
    name, cosine = capsys.readouterr().out.split()
    assert name == "tiny"
    assert -1 < float(cosine) < 1
