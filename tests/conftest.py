"""Fixtures for all tests: session logs, search servers, and a toy collection."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Collection, Corpus, Document, Topic

from tests.opensearch_cluster import OpenSearchCluster, SecureCluster, running_cluster, running_secure_cluster
from tests.opensearch_server import noida, osmem
from tests.postgres_server import PostgresServer, running_server

os.environ["HF_HUB_OFFLINE"] = "1"
"""No test asks a hub. The libraries read the variable when they are imported."""

os.environ["UNTILCLICK_ENCODER"] = "none"
"""Commands find no encoder that happens to be installed; tests that want one name it."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run; skips the test if PostgreSQL is not installed."""
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def log_url(request, tmp_path) -> str:
    """URL of a new session log: a SQLite file that does not exist, or an empty PostgreSQL database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database(f"log_{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """URL of an osmem-server for the whole run; skips the test if it is not installed."""
    with osmem() as url:
        yield url


@pytest.fixture(scope="session")
def noida_url() -> Iterator[str]:
    """URL of a noida-db server, which is slower but scores like Lucene; skips the test if it is not installed."""
    with noida() as url:
        yield url


@pytest.fixture(scope="session")
def opensearch_cluster() -> Iterator[OpenSearchCluster]:
    """A real OpenSearch of three nodes for the whole run; skips the test if there is none."""
    with running_cluster(nodes=3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster_urls(opensearch_cluster) -> str:
    """Addresses of the real nodes, separated by bars."""
    return opensearch_cluster.joined_urls


@pytest.fixture(scope="session", params=["osmem", pytest.param("cluster", marks=pytest.mark.opensearch)])
def any_opensearch_urls(request) -> str:
    """Addresses of an osmem-server and of the real nodes, one after the other, separated by bars."""
    return request.getfixturevalue("opensearch_url" if request.param == "osmem" else "cluster_urls")


@pytest.fixture(scope="session")
def secure_cluster() -> Iterator[SecureCluster]:
    """A real OpenSearch with TLS, users and roles for the whole run; skips the test if there is none."""
    with running_secure_cluster() as cluster:
        yield cluster


@pytest.fixture
def trlx_config():
    """The function that turns PPO settings into options of trlX; for tests that are skipped without trlX."""
    from untilclick.rewriter.trlx.config import trlx_config

    return trlx_config


@pytest.fixture
def ppo_config():
    """The function that turns options of trlX into PPO settings; for tests that are skipped without trlX."""
    from untilclick.rewriter.trlx.config import ppo_config

    return ppo_config


TOY_TEXTS = {
    "cat": ("Cats", "A cat sleeps on the warm mat. Cats purr when they sleep."),
    "dog": ("Dogs", "A dog barks at the postman and chases cats."),
    "bread": ("Baking bread", "Knead the dough, let it rise and bake the bread in a hot oven."),
    "cake": ("Baking a cake", "Mix butter, sugar and eggs, then bake the cake for forty minutes."),
    "tea": ("Green tea", "Green tea brews at eighty degrees for two minutes."),
    "coffee": ("Coffee", "Ground coffee needs hot water; espresso needs pressure."),
    "bicycle": ("Bicycle repair", "Patch the tube, pump the tyre and oil the bicycle chain."),
    "garden": ("Garden soil", "Tomatoes grow in warm garden soil with compost and water."),
    "moon": ("The moon", "The moon pulls the sea and makes the tides rise and fall."),
    "stars": ("Stars", "Stars burn hydrogen and shine for billions of years."),
}
"""Ten short documents: doc_id -> (title, text)."""


@pytest.fixture(scope="session")
def toy_corpus() -> Corpus:
    """The documents of TOY_TEXTS, in their order."""
    return corpus_of("toy", (Document(doc_id, title, text) for doc_id, (title, text) in TOY_TEXTS.items()))


@pytest.fixture(scope="session")
def toy_collection(toy_corpus) -> Collection:
    """The toy corpus with a few topics for each split."""
    topics = {
        "train": (
            Topic("t1", "sleeping cat", {"cat": 2, "dog": 1}),
            Topic("t2", "bake bread", {"bread": 1}),
            Topic("t3", "hot drink", {"tea": 1, "coffee": 1}),
            Topic("t4", "repair tyre", {"bicycle": 1}),
        ),
        "dev": (Topic("d1", "sea tides", {"moon": 1}), Topic("d2", "grow tomatoes", {"garden": 1})),
        "test": (Topic("e1", "cake sugar", {"cake": 1}), Topic("e2", "shining stars", {"stars": 1})),
    }
    return Collection(toy_corpus, topics, "real")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """Folder of a sentence-transformers model with random weights."""
    from tests.tiny_encoder import write_tiny_encoder

    return write_tiny_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


@pytest.fixture(scope="session")
def tiny_encoder(tiny_model, tmp_path_factory):
    """The model of `tiny_model`, converted; all processes of the run share the conversion."""
    from untilclick.rewriter.policy.encoders.conversion import convert_encoder
    from untilclick.search.text.encoders.opened import open_encoder

    base = tmp_path_factory.getbasetemp()
    cache = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return open_encoder(str(tiny_model), convert_encoder, cache=cache).encoder
