"""Clients that send too many requests."""

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.http.rate_limits import client_of
from untilclick.app.settings.groups import SettingsError
from untilclick.app.settings.service import Settings


@pytest.fixture
def limited(service):
    def client(limits, address="192.0.2.1"):
        app = create_app(Settings.of(rate_limits=limits), service)
        return TestClient(app, client=(address, 1000))

    return client


def test_beyond_the_limit_there_is_a_problem_that_says_when_to_come_back(limited):
    with limited("3/hour;100/day") as client:
        answers = [client.get("/v1/info") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    refusal = answers[-1]
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.json()["type"] == "urn:untilclick:problem:too-many-requests"
    assert refusal.json()["instance"].endswith(refusal.headers["x-request-id"])
    assert 1 <= int(refusal.headers["retry-after"]) <= 7200


def test_clients_are_counted_apart(limited):
    with limited("1/hour") as first:
        assert [first.get("/v1/info").status_code for _ in range(2)] == [200, 429]
        other = TestClient(first.app, client=("192.0.2.2", 1000))
        assert other.get("/v1/info").status_code == 200


def test_health_metrics_and_the_page_are_not_limited(limited):
    with limited("1/hour") as client:
        for path in ("/healthz", "/metrics", "/") * 3:
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
        ("192.0.2.1%eth0", "192.0.2.1%eth0"),
        ("fe80::1%", "fe80::1%"),
        ("fe80::1%eth0/64", "fe80::1%eth0/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_client_is_its_network(host, client):
    assert client_of({"client": (host, 1)}) == client
    assert client_of({"client": None}) == ""


@pytest.mark.parametrize("host", ["fe80::1%eth0", "unix:", "%", "fe80::1%"])
def test_a_client_of_any_address_is_answered_and_limited(limited, host):
    """An IPv6 address with a zone, as neighbours on a link have, once caused a 500."""
    with limited("1/hour", host) as client:
        assert [client.get("/v1/info").status_code for _ in range(2)] == [200, 429]


def test_what_is_no_limit_is_said_at_the_start():
    with pytest.raises(SettingsError, match="UNTILCLICK_RATE_LIMITS"):
        Settings.from_environment({"UNTILCLICK_RATE_LIMITS": "often"})
