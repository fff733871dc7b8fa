"""Whether the Hub can be reached, found in bounded time; where its data sets are kept."""

import socket
from contextlib import ExitStack

import pytest

from entmin import hub


@pytest.fixture
def asks(monkeypatch):
    """The Hub is asked, at the address that is given."""
    for name in hub.OFFLINE:
        monkeypatch.delenv(name, raising=False)
    hub._refused.cache_clear()
    yield lambda address: monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    hub._refused.cache_clear()


def test_an_address_that_listens_is_reached(asks):
    with socket.create_server(("127.0.0.1", 0)) as here:
        asks(f"http://127.0.0.1:{here.getsockname()[1]}")
        assert hub.why_not_reached() == ""


def test_an_address_that_says_nothing_is_given_up(asks, monkeypatch):
    """A server whose queue is full lets further connections wait, as a firewall does that drops them."""
    monkeypatch.setattr(hub, "WAIT", 0.2)
    with ExitStack() as open_ones:
        silent = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        asks(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "no answer within 0.2 seconds" in hub.why_not_reached()


def test_a_name_that_nobody_has_is_told(asks):
    asks("https://hub.invalid")
    assert "the Hub cannot be reached from here (hub.invalid: " in hub.why_not_reached()


def test_a_proxy_is_asked_in_the_place_of_the_hub(asks, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    asks("https://hub.invalid")
    assert "(127.0.0.1: " in hub.why_not_reached()


@pytest.mark.parametrize("name", ["openai/gsm8k", "Hothan/OlympiadBench", "TIGER-Lab/MMLU-Pro", "a/ABCd_e2F"])
def test_data_sets_are_kept_where_datasets_keeps_them(name, tmp_path, monkeypatch):
    from datasets.naming import camelcase_to_snakecase

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    owner, _, repository = name.partition("/")
    assert hub.prepared(name) == tmp_path / f"{owner}___{camelcase_to_snakecase(repository)}"
