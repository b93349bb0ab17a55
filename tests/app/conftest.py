"""The smallest application with a service of stand-ins, in process."""

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.stand_ins import TableRewriter, make_service


@pytest.fixture
def rewriter():
    return TableRewriter()


@pytest.fixture
def service(tmp_path, rewriter):
    service = make_service(tmp_path, rewriter)
    yield service
    service.close()


@pytest.fixture
def client(service):
    with TestClient(create_app(Settings(), service), raise_server_exceptions=False) as client:
        yield client
