"""The page on the real demo model, as a newcomer has it."""

from __future__ import annotations

import math

import pytest
from tests.browser import Watched, browser, need_browser
from tests.play.served import Playground

from entmin.engine.aliases import is_cached

MODEL = "smollm2-135m"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def play():
    need_browser()
    if not is_cached(MODEL):
        pytest.skip(f"{MODEL} is not in the cache; any `entmin ask {MODEL} hi` puts it there")
    playing = Playground(MODEL)
    yield playing
    assert playing.stop() == 0, "".join(playing.log)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_newcomer_compares_two_modes_and_moves_a_slider(play, width, tmp_path):
    with browser() as chromium:
        tab = chromium.new_page(viewport={"width": width, "height": 900})
        watched = Watched(tab)
        tab.goto(play.url)
        tab.wait_for_selector(".arm")
        tab.fill("#question", "Why is the sky blue? Answer in two sentences.")
        tab.click("#more summary")
        tab.fill("#limit", "40")
        tab.click("#run")
        tab.wait_for_selector("#status:text-is('Done.')", timeout=300_000)
        answers = [tab.inner_text(f".arm:nth-child({arm}) .answer") for arm in (1, 2)]
        assert all(len(answer.split()) > 5 for answer in answers) and answers[0] != answers[1]
        tab.locator(".arm:nth-child(2) .answer .t").nth(3).click()
        tab.locator(".arm:nth-child(2) .settings").evaluate("one => one.open = true")
        after = []
        for steps in (0, 3, 10, 20):
            with tab.expect_response("**/play/step") as waiting:
                tab.locator(".arm:nth-child(2) [data-name=n_grad_steps] input[type=number]").fill(str(steps))
            drawn = waiting.value.json()
            after.append(drawn["after"])
            assert sum(math.exp(p) for _, _, p, _ in drawn["top"]) <= 1 + 1e-6
        assert after == sorted(after, reverse=True) and after[-1] < after[0]
        tab.wait_for_selector(".would:has-text('n_grad_steps=20')")
        tab.screenshot(path=tmp_path / f"{width}.png")
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert watched.complaints == []
