"""The breaker: when it stops calls of a failing component, and when it admits one again."""

from untilclick.app.versions.circuit_breaker import CircuitBreaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_it_opens_after_failures_in_a_row_only():
    breaker = CircuitBreaker(failures=3, pause_s=10, clock=Clock())
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        assert breaker.admits()
        outcome()
    assert not breaker.open
    breaker.failed()
    assert breaker.open
    assert not breaker.admits()


def test_failures_of_one_cause_count_once():
    """At a start under load, ten rewrites were late since they waited for one slow rewrite, and rewriting paused."""
    clock = Clock()
    breaker = CircuitBreaker(failures=2, pause_s=10, clock=clock)
    for _ in range(5):
        breaker.failed(apart_s=0.5)
    assert not breaker.open
    clock.now += 0.5
    breaker.failed(apart_s=0.5)
    assert breaker.open


def test_after_the_pause_one_may_try_and_decides_for_all():
    clock = Clock()
    breaker = CircuitBreaker(failures=1, pause_s=10, clock=clock)
    breaker.failed()
    clock.now += 10
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.failed()
    clock.now += 9
    assert not breaker.admits()
    clock.now += 1
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits() for _ in range(3)] == [True, True, True]


def test_a_try_whose_outcome_never_comes_is_followed_by_another_after_a_pause():
    clock = Clock()
    breaker = CircuitBreaker(failures=1, pause_s=10, clock=clock)
    breaker.failed()
    clock.now += 10
    assert breaker.admits()
    clock.now += 10
    assert breaker.admits()
