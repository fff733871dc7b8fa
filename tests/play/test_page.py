"""The page in a real browser: everything that a visitor does, on a tiny model."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from tests.browser import Watched, browser, need_browser
from tests.play.served import Playground

DONE = "#status:text-is('Done.')"
WAIT = 60_000
LONG = "3"
"""A seed whose answers have more than a thousand tokens."""


@pytest.fixture(scope="module")
def chromium():
    need_browser()
    with browser() as running:
        yield running


def opened(chromium, url, width=1280):
    tab = chromium.new_page(viewport={"width": width, "height": 900})
    watched = Watched(tab)
    tab.goto(url)
    tab.wait_for_selector(".arm")
    return watched


@pytest.fixture(params=[pytest.param(390, marks=pytest.mark.slow), 1280])
def page(chromium, play, request):
    watched = opened(chromium, play.url, request.param)
    yield watched
    watched.page.close()
    assert watched.complaints == []
    assert all(url.startswith(play.url) or url.startswith(("data:", "blob:")) for url in watched.requests)


def run(tab, tokens=12, question="hello"):
    tab.fill("#question", question)
    limit(tab, tokens)
    tab.click("#run")
    tab.wait_for_selector(DONE, timeout=WAIT)


def limit(tab, tokens):
    if not tab.is_visible("#limit"):
        tab.click("#more summary")
    tab.fill("#limit", str(tokens))


def tokens(tab, arm):
    return tab.locator(f".arm:nth-child({arm}) .answer .t")


def slide(tab, arm, name, value):
    """Move a slider, and wait until the step is drawn again."""
    if not tab.locator(f".arm:nth-child({arm}) .sliders").is_visible():
        tab.click(f".arm:nth-child({arm}) .settings summary")
    with tab.expect_response("**/play/step") as waiting:
        tab.locator(f".arm:nth-child({arm}) [data-name={name}] input[type=range]").fill(str(value))
    drawn = waiting.value.json()
    tab.wait_for_selector(".would")
    return drawn


def test_two_modes_stream_side_by_side_shaded_and_drawn_as_lines(page):
    tab = page.page
    assert tab.input_value(".arm:nth-child(1) .method") == "normal"
    assert tab.input_value(".arm:nth-child(2) .method") == "em_inf"
    tab.locator(".arm:nth-child(2) .settings").evaluate("one => one.open = true")
    tab.fill(".arm:nth-child(2) [data-name=temperature] input[type=number]", "0.1")  # an entropy that shades less
    run(tab)
    for arm in (1, 2):
        assert tokens(tab, arm).count() == 12
        shade = tokens(tab, arm).first.evaluate("one => getComputedStyle(one).backgroundColor")
        assert shade not in ("rgba(0, 0, 0, 0)", "transparent")
        assert "12 tokens, entropy" in tab.inner_text(f".arm:nth-child({arm}) .caption")
        for line in ("before", "after"):
            points = tab.get_attribute(f".arm:nth-child({arm}) polyline.{line}", "points").split()
            assert len(points) == 12
    wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page scrolls sideways"
    before = tokens(tab, 2).first.evaluate("one => getComputedStyle(one).backgroundColor")
    tab.click("#which")
    assert tab.get_attribute("#which", "aria-pressed") == "true"
    assert tokens(tab, 2).first.evaluate("one => getComputedStyle(one).backgroundColor") != before


@pytest.mark.slow
def test_stop_stops_the_server(page, play):
    tab = page.page
    tab.fill("#question", "hello")
    limit(tab, 4096)
    tab.fill("#seed", LONG)
    tab.click("#run")
    tokens(tab, 2).nth(5).wait_for(timeout=WAIT)
    assert play.decoding() == 2
    assert tab.is_disabled("#run")
    tab.click("#stop")
    tab.wait_for_selector("#status:text-is('Stopped.')")
    for _ in range(100):
        if play.decoding() == 0:
            break
        tab.wait_for_timeout(100)
    assert play.decoding() == 0
    kept = tokens(tab, 2).count()
    assert 5 < kept < 4096 and "stopped" in tab.inner_text(".arm:nth-child(2) .caption")
    tab.wait_for_timeout(300)
    assert tokens(tab, 2).count() == kept
    run(tab, 4)
    assert tokens(tab, 2).count() == 4


def test_alternatives_under_the_pointer_and_by_keyboard_and_a_click_holds_them(page):
    tab = page.page
    run(tab)
    tokens(tab, 1).nth(2).hover()
    assert "Step 3:" in tab.inner_text("#token")
    numbers = tab.inner_text("#token .numbers")
    assert re.search(r"(\d+\.\d\d) nats before, \1 after; this token (\d\.\d{3}) → \2", numbers), (
        "normal changes nothing"
    )
    assert tab.locator("#token tr").count() >= 10
    assert tab.locator("#token tr.drawn").count() == 1
    tokens(tab, 2).nth(4).click()
    tokens(tab, 2).nth(6).hover()
    assert "Step 5:" in tab.inner_text("#token")
    tab.focus(".arm:nth-child(2) .answer")
    tab.keyboard.press("End")
    assert "Step 12:" in tab.inner_text("#token")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Enter")
    assert "Step 11:" in tab.inner_text("#token")
    assert tokens(tab, 2).nth(10).evaluate("one => one.classList.contains('chosen')")
    assert float(tab.get_attribute(".arm:nth-child(2) .now", "x1")) == pytest.approx(10 * 600 / 11, abs=0.1)
    tab.keyboard.press("Escape")
    assert tab.locator("#token").is_hidden()


def test_the_panel_of_a_step_covers_no_line_of_its_answer_and_a_modes_head_is_one_line(page):
    tab = page.page
    run(tab, 100)
    box = "document.querySelector('%s').getBoundingClientRect()"
    caption, panel = box % ".arm:nth-child(2) .caption", box % "#token"
    for act in ("hover", "click"):
        getattr(tokens(tab, 2).nth(60), act)()
        assert tab.evaluate(f"{caption}.bottom <= {panel}.top"), act
        assert tab.evaluate(f"{panel}.height >= 150 && {panel}.bottom <= innerHeight"), act
    head = box % ".arm:nth-child(2) .head"
    assert tab.evaluate(f"{head}.height") < 50, "method, preset and the button to remove it"


def test_a_slider_draws_the_chosen_step_again(page):
    tab = page.page
    run(tab)
    tokens(tab, 2).nth(3).click()
    entropy = re.compile(r"([\d.]+) nats before, ([\d.]+) after")
    before, after = map(float, entropy.search(tab.inner_text("#token .numbers")).groups())
    strong = slide(tab, 2, "n_grad_steps", 10)
    tab.wait_for_selector(".would:has-text('n_grad_steps=10')")
    shown = list(map(float, entropy.search(tab.inner_text("#token .numbers")).groups()))
    assert shown == pytest.approx([strong["before"], strong["after"]], abs=0.006)
    assert shown[0] == before and shown[1] < after
    assert "n_grad_steps=10" in tab.inner_text(".arm:nth-child(2) .mode")
    cold = slide(tab, 2, "temperature", 0)
    assert cold["after"] == 0 and [q for *_, q in cold["top"] if q is not None] == [0.0]
    assert "0.00 after" in tab.inner_text("#token .numbers") or tab.wait_for_selector(".numbers:has-text('0.00 after')")
    assert page.requests[-1].endswith("/play/step")


@pytest.mark.slow
def test_every_setting_of_every_method_has_a_control(page):
    tab = page.page
    names = tab.locator(".arm:nth-child(1) .method option").all_inner_texts()
    assert {"normal", "em_inf", "adaptive_temp", "sls"} <= set(names)
    for name in names:
        tab.select_option(".arm:nth-child(1) .method", name)
        tab.locator(".arm:nth-child(1) .settings").evaluate("one => one.open = true")
        for box in tab.locator(".arm:nth-child(1) .setting").all():
            assert len(box.locator("small").inner_text()) > 15
            assert box.locator("input, select").first.is_visible()
    tab.select_option(".arm:nth-child(1) .method", "em_inf")
    tab.select_option(".arm:nth-child(1) .preset", "paper_math")
    assert tab.inner_text(".arm:nth-child(1) .mode") == "em_inf:threshold=0.1:kl_weight=0.001"


@pytest.mark.slow
def test_a_reload_brings_back_prompt_settings_and_answers(page):
    tab = page.page
    run(tab)
    tokens(tab, 2).nth(3).click()
    slide(tab, 2, "n_grad_steps", 7)
    said = tab.inner_text(".arm:nth-child(2) .answer")
    tab.reload()
    tab.wait_for_selector(".arm:nth-child(2) .answer .t")
    assert tab.input_value("#question") == "hello"
    assert tab.inner_text(".arm:nth-child(2) .answer") == said
    assert "n_grad_steps=7" in tab.inner_text(".arm:nth-child(2) .mode")
    tokens(tab, 2).nth(3).click()
    tab.wait_for_selector(".would:has-text('n_grad_steps=7')")


@pytest.mark.slow
def test_a_link_asks_the_same_elsewhere(page, chromium):
    tab = page.page
    tab.select_option(".arm:nth-child(1) .method", "top_h")
    run(tab)
    tab.click("#share")
    link = tab.input_value("#link")
    state = parse_qs(link.partition("#")[2])
    assert state["q"] == ["hello"] and state["n"] == ["12"] and len(state["arm"]) == 2
    other = opened(chromium, link)
    assert tokens(other.page, 1).count() == 0, "a link runs nothing by itself"
    other.page.click("#run")
    other.page.wait_for_selector(DONE, timeout=WAIT)
    for arm in (1, 2):
        assert other.page.inner_text(f".arm:nth-child({arm}) .answer") == tab.inner_text(
            f".arm:nth-child({arm}) .answer"
        )
    other.page.close()
    assert other.complaints == []


@pytest.mark.slow
def test_a_link_with_something_unknown_says_so(chromium, play):
    hostile = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    watched = opened(
        chromium, f'{play.url}#q={hostile}&arm={{"method":"em_inf","nonsense":1,"threshold":"x"}}&arm={{"method":"?"}}'
    )
    assert watched.page.locator(".arm").count() == 1
    assert "does not know" in watched.page.inner_text("#status")
    assert watched.page.input_value("#question").startswith("<img")
    assert watched.page.locator("img").count() == 0
    watched.page.close()
    assert watched.complaints == []


@pytest.mark.slow
def test_a_conversation_goes_on_for_each_mode(page):
    tab = page.page
    run(tab, 4)
    said = [tab.inner_text(f".arm:nth-child({arm}) .answer") for arm in (1, 2)]
    tab.fill("#question", "and then?")
    with tab.expect_request("**/play/stream") as waiting:
        tab.click("#follow")
    for arm in waiting.value.post_data_json["arms"]:
        assert [turn["role"] for turn in arm["messages"]] == ["user", "assistant", "user"]
    tab.wait_for_selector(DONE, timeout=WAIT)
    for arm in (1, 2):
        shown = tab.inner_text(f".arm:nth-child({arm}) .history")
        assert "hello" in shown and said[arm - 1].strip()[:3] in shown
    run(tab, 4)
    assert tab.inner_text(".arm:nth-child(1) .history") == ""


@pytest.mark.slow
def test_it_is_saved_as_a_page_that_needs_no_server(page, chromium, tmp_path):
    tab = page.page
    run(tab)
    with tab.expect_download() as waiting:
        tab.click("#save")
    waiting.value.save_as(tmp_path / "saved.html")
    saved = chromium.new_page()
    watched = Watched(saved)
    saved.goto((tmp_path / "saved.html").as_uri())
    assert "em_inf" in saved.inner_text(".verdict")
    assert saved.locator(".answer .t").count() == 24
    saved.hover(".answer >> nth=1 >> .t:not(:empty) >> nth=0")
    assert re.search(r"\d\.\d{3} → \d\.\d{3}", saved.inner_text("#token"))
    assert "not judged" not in saved.inner_text("body")
    assert [url for url in watched.requests if not url.startswith(("file:", "data:"))] == []
    assert watched.complaints == []
    saved.close()


@pytest.mark.slow
def test_two_tabs_do_not_disturb_each_other(chromium, play):
    first, second = opened(chromium, play.url), opened(chromium, play.url)
    for tab, question in ((first.page, "one"), (second.page, "another")):
        tab.fill("#question", question)
        limit(tab, 40)
        tab.click("#run")
    for watched in (first, second):
        watched.page.wait_for_selector(DONE, timeout=WAIT)
        assert tokens(watched.page, 1).count() == 40
    assert first.page.inner_text(".answer >> nth=0") != second.page.inner_text(".answer >> nth=0")
    for watched in (first, second):
        watched.page.close()
        assert watched.complaints == []


@pytest.mark.slow
def test_modes_are_added_and_taken_away(page):
    tab = page.page
    tab.click("#add")
    tab.select_option(".arm:nth-child(3) .method", "min_p")
    run(tab, 5)
    assert [tokens(tab, arm).count() for arm in (1, 2, 3)] == [5, 5, 5]
    tokens(tab, 1).first.click()
    tab.click(".arm:nth-child(1) .remove")
    assert tab.locator(".arm").count() == 2 and tab.locator("#token").is_hidden()
    tokens(tab, 1).first.click()
    assert "Step 1:" in tab.inner_text("#token")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_fault(page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab = page.page
    tab.emulate_media(color_scheme=scheme)
    run(tab)
    tokens(tab, 2).nth(3).click()
    tab.locator(".settings").evaluate_all("all => all.forEach(one => one.open = true)")
    found = Axe().run(tab).response["violations"]
    assert [
        (one["id"], [n["html"][:200] for n in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.slow
def test_a_server_that_is_gone_is_told_and_what_was_said_stays(chromium, folder):
    play = Playground(folder)
    watched = opened(chromium, play.url)
    tab = watched.page
    tab.fill("#question", "hello")
    limit(tab, 4096)
    tab.fill("#seed", LONG)
    tab.click("#run")
    tokens(tab, 1).nth(5).wait_for(timeout=WAIT)
    play.process.kill()
    play.stop()
    tab.wait_for_selector("#status:has-text('The server is gone')", timeout=WAIT)
    assert tokens(tab, 1).count() > 5 and tab.is_enabled("#run")
    tab.click("#run")
    tab.wait_for_selector("#status:has-text('The server is gone')", timeout=WAIT)
    tab.close()


@pytest.mark.slow
def test_a_key_is_asked_for_and_kept_for_this_tab(chromium, folder):
    play = Playground(folder, key="secret")
    try:
        tab = chromium.new_page()
        tab.goto(play.url)
        tab.fill("#key", "wrong")
        tab.click("#unlock")
        tab.wait_for_selector("#status:has-text('API key')")
        tab.fill("#key", "secret")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".arm")
        run(tab, 3)
        tab.reload()
        tab.wait_for_selector(".arm .t")
        assert tab.locator("#keyline").is_hidden()
        assert "secret" not in tab.url
        tab.close()
    finally:
        assert play.stop() == 0
