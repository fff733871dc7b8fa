"""The report page: escaping and exports in process, everything a reader does in a real browser."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from tests.browser import Watched, browser, need_browser

from entmin.errors import EntminError
from entmin.report.drawing import Series
from entmin.report.page import Alternative, Answer, Flip, Page, Table, Token, render, write
from entmin.report.page.charts import Difference, Point, curves, forest, frontier
from entmin.report.page.exports import as_csv, as_latex, as_markdown

HOSTILE = '</span><script>document.title="owned"</script><img src=x onerror=alert(1)>"\'&'


def answer(arm: str, correct: bool | None) -> Answer:
    tokens = [
        Token("The ", 2.96, 1.5, (Alternative("A", 0.5), Alternative("<b>\n", 0.25))),
        Token(HOSTILE, 0.31, 0.1, (Alternative(HOSTILE, 0.9),)),
        Token(" is 42\nand more", 0.0, 0.0),
        Token("\ud800", None, None),
    ]
    return Answer(arm, correct, tuple(tokens))


def page() -> Page:
    points = [
        Point("T=1", 1.7, 0.08, 0.06, 0.11, frontier=True),
        Point("T=$0.8$", 1.2, 0.2, 0.16, 0.24, frontier=True),
        Point("em_inf", 1.76, 0.135, 0.1, 0.17, main=True),
    ]
    return Page(
        title=f"model {HOSTILE}",
        verdict=f"Not better {HOSTILE}",
        tone="not-better",
        remarks=(HOSTILE,),
        charts=(
            frontier(points, "Accuracy against entropy", "nats", "The band is the plain model."),
            forest([Difference("<i>rival</i>", -0.01, -0.05, 0.02)], "Differences", "points", "One rival."),
            curves(
                [Series("entropy <b>", [0, 1, 2], [3, 2, 1]), Series("b", [0, 1], [1, 1])],
                "Curves",
                ("step", "nats"),
                "Two.",
                marked=[1],
            ),
        ),
        tables=(Table("Arms", ("arm", "accuracy"), ((HOSTILE, "13.5 [10.4, 17.2]"), ("=1+1", "-3.5"))),),
        flips=(Flip("p1", HOSTILE, HOSTILE, (answer("em_inf", True), answer("T=0.9", False))),),
        facts=(("plan", "sha256:abc"), (HOSTILE, HOSTILE)),
    )


def test_what_a_model_wrote_is_text_and_nothing_else():
    html = render(page())
    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "</span><script>document" not in html


def test_the_document_asks_for_nothing_and_allows_only_its_own_code():
    html = render(page())
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert " style=" not in html


def test_figures_of_one_page_share_no_ids():
    ids = re.findall(r'\bid="([^"]+)"', render(page()))
    assert len(ids) == len(set(ids)) > 5


def test_marks_of_direction_and_control_characters_are_written_out():
    nasty = "5\u202e gniht\u2066on\x1b[31m\x00 \u061c\ud800"
    html = render(replace(page(), verdict=nasty, tables=(Table(nasty, ("a", nasty), ((nasty, nasty),)),)))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u061c\x00\x1b\ud800]", html)
    assert r"5\u202e gniht\u2066on\u001b[31m\u0000 \u061c\ud800" in html
    html.encode()  # a file can hold it


def test_several_reports_stand_on_one_page_under_their_verdicts():
    html = render(replace(page(), verdict="First."), replace(page(), verdict="Second."))
    assert html.index("First.") < html.index("Second.") < html.index("<main>")
    assert 'href="#page2"' in html and 'id="page2"' in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_tables_are_exported_whole_and_safe():
    table = Table("a", ("arm, name", "x"), (('say "hi"', "1|2"), ("=SUM(A1)", "-3.5 → 2 %"), ("-1", "+2.5")))
    read = list(csv.reader(io.StringIO(as_csv(table))))
    assert read == [["arm, name", "x"], ['say "hi"', "1|2"], ["'=SUM(A1)", "'-3.5 → 2 %"], ["-1", "+2.5"]]
    assert '| say "hi" | 1\\|2 |' in as_markdown(table)
    assert r"-3.5 $\to$ 2 \% \\" in as_latex(table)


def test_a_page_that_cannot_be_written_is_one_message_and_leaves_the_old_one(tmp_path):
    target = tmp_path / "report.html"
    write([page()], target)
    before = target.read_bytes()
    assert b"</html>" in before
    (tmp_path / "file").write_text("")
    with pytest.raises(EntminError, match="cannot write the report"):
        write([page()], tmp_path / "file" / "report.html")
    assert target.read_bytes() == before


@pytest.fixture(scope="module")
def chromium():
    need_browser()
    with browser() as running:
        yield running


@pytest.fixture(params=[pytest.param(390, marks=pytest.mark.slow), 1280])
def opened(chromium, tmp_path, request):
    write([page()], tmp_path / "report.html")
    tab = chromium.new_page(viewport={"width": request.param, "height": 900})
    watched = Watched(tab)
    tab.goto((tmp_path / "report.html").as_uri())
    yield watched
    tab.close()


def test_it_opens_from_disk_without_a_request_or_a_complaint(opened):
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in opened.requests if url.startswith("file:")]) == 1
    assert opened.complaints == []
    assert opened.page.title().startswith("model </span>")
    assert "Not better" in opened.page.inner_text(".verdict")
    wide = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page scrolls sideways"
    shade = opened.page.evaluate("getComputedStyle(document.querySelector('.answer .t')).backgroundColor")
    assert shade not in ("rgba(0, 0, 0, 0)", "transparent")


def test_alternatives_show_under_the_pointer_and_by_keyboard(opened):
    tab = opened.page
    tab.hover(".answer .t >> nth=0")
    assert "2.96 nats before, 1.50 after" in tab.inner_text("#token")
    assert tab.locator("#token tr").count() == 2
    assert "<b>⏎" in tab.inner_text("#token")
    tab.focus(".answer >> nth=1")
    for _ in range(2):
        tab.keyboard.press("ArrowRight")
    assert "0.31 nats before" in tab.inner_text("#token")
    assert "0.900" in tab.inner_text("#token")
    tab.keyboard.press("End")
    assert "not recorded" in tab.inner_text("#token")
    tab.keyboard.press("Escape")
    assert tab.locator("#token").is_hidden()
    assert opened.complaints == []


def test_shading_follows_the_entropy_before_or_after(opened):
    tab = opened.page
    colour = "getComputedStyle(document.querySelector('.answer .t')).backgroundColor"
    before = tab.evaluate(colour)
    tab.click(".which")
    assert tab.get_attribute(".which", "aria-pressed") == "true"
    assert tab.evaluate(colour) != before


def test_a_table_is_downloaded(opened):
    with opened.page.expect_download() as waiting:
        opened.page.click("text=CSV")
    assert waiting.value.suggested_filename == "arms.csv"
    with open(waiting.value.path(), newline="") as file:
        assert next(csv.reader(file)) == ["arm", "accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_of_figures_have_the_colour_of_the_page(opened, scheme):
    tab = opened.page
    tab.emulate_media(color_scheme=scheme)
    drawn = "getComputedStyle(document.querySelector('.chart svg text')).fill"
    assert tab.evaluate(drawn) == tab.evaluate("getComputedStyle(document.body).color")
    assert tab.locator(".chart svg use").count() > 0


def test_it_prints(opened, tmp_path):
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".downloads >> nth=0").is_hidden()
    assert opened.page.locator(".verdict").is_visible()
    assert opened.page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_fault(opened, scheme):
    from axe_playwright_python.sync_playwright import Axe

    opened.page.emulate_media(color_scheme=scheme)
    found = Axe().run(opened.page).response["violations"]
    assert [
        (one["id"], [n["html"][:200] for n in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ] == []
