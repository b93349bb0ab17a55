"""Static word vectors."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import numpy as np
import pytest

from untilclick.search.errors import ModelError
from untilclick.search.text.encoders import static_vectors
from untilclick.search.text.encoders.static_vectors import StaticEncoder

WORDS = ("[UNK]", "tea", "green", "warm")


@pytest.fixture
def package(tmp_path):
    """A folder with the files of the package: a vector of 2 dimensions for each of `WORDS`."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    for name in (static_vectors.WEIGHTS_FILE, static_vectors.TOKENIZER_FILE):
        (tmp_path / name).parent.mkdir()
    tokenizer.save(str(tmp_path / static_vectors.TOKENIZER_FILE))
    vectors = np.array([[0, 0], [3, 0], [0, 1], [-3, 0]], dtype=np.float16)
    save_file({static_vectors.TENSOR: vectors}, tmp_path / static_vectors.WEIGHTS_FILE)
    return tmp_path


def test_a_text_has_the_mean_of_its_words_at_unit_length(package):
    encoder = StaticEncoder.open(package)
    vectors = encoder.encode(["tea", "green tea", "", "tea warm", "unknown"], "query")
    mean = np.array([3, 1]) / np.sqrt(10)
    assert vectors == pytest.approx(np.array([[1, 0], mean, [0, 0], [0, 0], [0, 0]]), abs=1e-6)
    assert vectors.dtype == np.float32
    assert encoder.card.dimension == 2
    assert encoder.n_cut(["tea " * 10_000]) == 0


def test_a_package_with_other_files_is_named(package):
    (package / static_vectors.WEIGHTS_FILE).write_bytes(b"no vectors")
    with pytest.raises(ModelError, match="does not hold the vectors of wordllama"):
        StaticEncoder.open(package)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wordllama") is None, reason="the extra `static` is not installed")
def test_the_real_vectors_know_which_words_are_alike():
    handlers = list(logging.getLogger().handlers)
    encoder = StaticEncoder.open()
    folder, directory, banana = encoder.encode(["copy a folder", "copy a directory", "peel a banana"])
    assert folder @ directory > folder @ banana + 0.2
    assert encoder.card.dimension == 256
    assert logging.getLogger().handlers == handlers
