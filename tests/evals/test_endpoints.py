"""Which server takes a request, on a clock of the test's own."""

from __future__ import annotations

import pytest

from entmin.evals.endpoints import Endpoints


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Fault(Exception):
    pass


def simulate(seconds, requests, in_flight, fails=lambda url, now: False):
    """Requests that each take a server's own seconds; how many each answered, and how long all took."""
    clock = Clock()
    endpoints = Endpoints(list(seconds), clock)
    waiting, running, done = requests, [], 0.0
    while waiting or running:
        while waiting and len(running) < in_flight:
            url = endpoints.take()
            context = endpoints.asked(url, (Fault,))
            context.__enter__()
            running.append((clock.now + seconds[url], url, context))
            waiting -= 1
        running.sort(key=lambda one: one[0])
        clock.now, url, context = running.pop(0)
        if fails(url, clock.now):
            fault = Fault()
            with pytest.raises(Fault):
                context.__exit__(Fault, fault, None)
                raise fault
            waiting += 1
        else:
            context.__exit__(None, None, None)
        done = clock.now
    return {url: one.answered for url, one in endpoints.all.items()}, done


def test_equal_servers_share_equally():
    answered, _ = simulate({"a": 1.0, "b": 1.0, "c": 1.0}, 300, 12)
    assert max(answered.values()) - min(answered.values()) <= 12


def test_a_slow_server_gets_few_requests_and_holds_nobody_up():
    answered, took = simulate({"a": 1.0, "b": 1.0, "slow": 10.0}, 600, 30)
    assert answered["slow"] < 0.12 * 600
    assert took <= 30  # two servers alone take 20; dealt out equally, 20 rounds of the slow one take 200


def test_a_server_that_fails_pauses_and_takes_part_again_when_it_is_back():
    fails = lambda url, now: url == "dying" and 5 < now < 40  # noqa: E731
    answered, _ = simulate({"a": 1.0, "b": 1.0, "dying": 1.0}, 900, 12, fails)
    assert sum(answered.values()) == 900
    assert 0 < answered["dying"] < answered["a"]
    clock = Clock()
    endpoints = Endpoints(["a", "dying"], clock)
    for failures in (1, 2, 3):
        with pytest.raises(Fault), endpoints.asked("dying", (Fault,)):
            raise Fault
        assert endpoints.all["dying"].down_until == clock.now + 2**failures
    assert {endpoints.take() for _ in range(5)} == {"a"}
    clock.now = 100.0
    with endpoints.asked(endpoints.take(["a"]), (Fault,)):
        assert len(endpoints.all["dying"].begun) == 1
    assert endpoints.all["dying"].in_a_row == 0


def test_where_all_have_failed_the_one_whose_pause_ends_first_is_tried_and_none_twice():
    endpoints = Endpoints(["a", "b"], Clock())
    for url in ("a", "b", "b"):
        with pytest.raises(Fault), endpoints.asked(url, (Fault,)):
            raise Fault
    assert endpoints.take() == "a"
    assert endpoints.take(["a"]) == "b"
    assert endpoints.take(["a", "b"]) is None


def test_what_the_request_is_to_blame_for_is_no_failure_of_the_server():
    endpoints = Endpoints(["a"], Clock())
    with pytest.raises(ValueError), endpoints.asked("a", (Fault,)):
        raise ValueError
    assert (endpoints.all["a"].failures, endpoints.all["a"].begun) == (0, [])
