"""What the page asks the server, without the page."""

from __future__ import annotations

import math
import time

import httpx
import pytest
from tests.play.served import Playground

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.prompts import encode_chat
from entmin.engine.requests import Request
from entmin.methods import METHODS
from entmin.mode import Mode
from entmin.play.catalogue import catalogue
from entmin.play.steps import Rows

HELLO = [{"role": "user", "content": "hello"}]
MODES = ["normal", "em_inf:n_grad_steps=5@0.8", "greedy", "sls:threshold=0:gap=100"]


def asked(*modes, **options):
    return {"arms": [{"mode": mode, "messages": HELLO} for mode in modes], "max_tokens": 8, "seed": 5, **options}


def by_arm(events, n):
    return [[event for event in events if event.get("arm") == i] for i in range(n)]


@pytest.fixture(scope="module")
def engine(folder):
    engine = Engine(load(str(folder), dtype="float32", device="cpu"))
    yield engine
    engine.close()


def test_answers_are_the_engines_and_every_token_has_its_numbers(play, engine):
    first, *events = play.events(asked(*MODES))
    assert first == {"modes": ["normal", "em_inf:n_grad_steps=5@0.8", "greedy", "sls:threshold=0:gap=100"]}
    for text, told in zip(MODES, by_arm(events, len(MODES)), strict=True):
        mode = Mode.parse(text)
        request = Request(
            encode_chat(engine.loaded, HELLO), mode.method, mode.sampling, 8, 5, token_entropies=True, confidence=True
        )
        [done] = engine.generate([request])
        *tokens, end = told
        assert [one["id"] for one in tokens] == done.tokens
        assert [one["before"] for one in tokens] == pytest.approx(done.before, abs=1e-4)
        assert [one["after"] for one in tokens] == pytest.approx(done.after, abs=1e-4)
        assert [one["p"] for one in tokens] == pytest.approx([s.log_probability for s in done.confidence], abs=1e-4)
        assert end["said"] == done.text and end["ended"] == done.stop_reason
        for one in tokens:
            assert 10 <= len(one["top"]) <= 21
            assert sum(math.exp(p) for _, _, p, _ in one["top"]) <= 1 + 1e-6
            assert all(q is None or q <= 1e-6 for *_, q in one["top"])


@pytest.mark.parametrize("mode", MODES)
def test_a_step_drawn_again_with_its_own_settings_is_the_step_that_was_streamed(play, mode):
    *tokens, _ = by_arm(play.events(asked(mode)), 1)[0]
    for at, one in enumerate(tokens):
        before = [other["id"] for other in tokens[:at]]
        again = play.post("step", {"mode": mode, "messages": HELLO, "tokens": before, "seed": 5})
        assert again.json() == {"mode": mode, **{name: one[name] for name in again.json() if name != "mode"}}


@pytest.mark.slow
def test_a_step_of_a_server_that_does_not_know_the_answer_is_the_same_to_rounding(folder, play):
    """As after a restart: its logits are decoded again."""
    other = Playground(folder)
    try:
        for mode in MODES:
            *tokens, _ = by_arm(play.events(asked(mode)), 1)[0]
            before = [one["id"] for one in tokens[:5]]
            again = other.post("step", {"mode": mode, "messages": HELLO, "tokens": before, "seed": 5}).json()
            assert again["id"] == tokens[5]["id"]
            for name in ("before", "after", "p", "q"):
                assert again[name] == pytest.approx(tokens[5][name], abs=1e-3)
    finally:
        assert other.stop() == 0


def test_other_settings_change_the_step_as_the_method_says(play):
    *tokens, _ = by_arm(play.events(asked("em_inf")), 1)[0]
    body = {"messages": HELLO, "tokens": [one["id"] for one in tokens[:3]], "seed": 5}
    strong, weak, off = (
        play.post("step", {**body, "mode": f"em_inf:threshold=0:n_grad_steps={n}"}).json() for n in (20, 3, 0)
    )
    assert strong["after"] < weak["after"] < off["after"] == pytest.approx(off["before"], abs=1e-5)
    assert strong["before"] == weak["before"] == tokens[3]["before"]


def test_who_goes_away_stops_the_decoding(play):
    body = asked("normal", "em_inf", max_tokens=4096)
    with httpx.stream("POST", f"{play.url}play/stream", json=body, timeout=60) as answer:
        lines = answer.iter_lines()
        while '"arm"' not in next(lines):
            pass
        assert play.decoding() == 2
    deadline = time.monotonic() + 20
    while play.decoding() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert play.decoding() == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("stream", asked("em_inff"), "did you mean"),
        ("stream", asked("em_inf:n_grad_steps=500"), "n_grad_steps must be at most 200"),
        ("stream", asked("best_of_n"), "a strategy is several"),
        ("stream", asked(), "1 to 4 modes"),
        ("stream", asked("normal", max_tokens=0), "max_tokens must be between 1 and 4096"),
        ("stream", {**asked("normal"), "n": 3}, "n is not a field"),
        ("step", {"mode": "normal", "messages": HELLO, "tokens": [99999]}, "token ids of this model"),
        ("step", {"mode": "normal", "messages": HELLO, "tokens": [5] * 4097}, "tokens"),
        ("step", {"mode": "sls", "messages": HELLO, "tokens": [5] * 100}, "run the answer again"),
        ("export", {"question": "a", "arms": []}, "arms"),
        ("export", {"question": "a", "arms": [{"mode": "m", "tokens": [["a", 1, 2]]}]}, "arms[0].tokens"),
    ],
)
def test_a_wrong_request_is_one_message(play, path, body, words):
    answer = play.post(path, body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_nothing_but_json_of_this_machine_is_answered(play):
    plain = httpx.post(f"{play.url}play/stream", content="{}", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        for path in ("", "play/about", "play/play.js"):
            assert httpx.get(f"{play.url}{path}", headers=headers).status_code == 403
        assert play.post("step", {}, headers=headers).status_code == 403


def test_the_page_allows_its_own_files_only(play):
    for path in ("", "play/play.js", "play/play.css", "play/report.css"):
        answer = httpx.get(f"{play.url}{path}")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ") and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in httpx.get(play.url).text and " style=" not in httpx.get(play.url).text


def test_a_key_is_wanted_for_all_but_the_page(folder):
    play = Playground(folder, key="secret", verb="serve")
    try:
        assert httpx.get(play.url).status_code == 200
        assert httpx.get(f"{play.url}play/about").status_code == 401
        for path in ("stream", "step", "export"):
            assert play.post(path, asked("normal")).status_code == 401
        assert play.events(asked("normal"), headers={"Authorization": "Bearer secret"})
    finally:
        assert play.stop() == 0


def test_every_setting_has_a_meaning_and_a_range_that_holds_its_default():
    described = {one["name"]: one for one in catalogue()}
    assert list(described) == list(METHODS)
    for method in described.values():
        for setting in method["settings"]:
            assert len(setting["meaning"]) > 15, f"{method['name']}: {setting['name']}"
            if setting["kind"] in ("int", "float"):
                assert setting["low"] <= setting["default"] <= setting["upto"] <= setting["high"]
    assert {one["name"]: one["high"] for one in described["em_inf"]["settings"]}["n_grad_steps"] == 200


def test_logits_are_kept_up_to_a_size():
    import torch

    rows, request = Rows(most_bytes=3 * 40), Request([1, 2])
    for i in range(5):
        rows.keep(request, [i], torch.full((10,), float(i)))
    assert rows.get([1, 2, 0]) is None and rows.get([1, 2, 1]) is None
    assert float(rows.get([1, 2, 2])[0]) == 2
    rows.keep(request, [9], torch.zeros(10))  # drops the one that was not looked at for longest
    assert rows.get([1, 2, 3]) is None and rows.get([1, 2, 2]) is not None
