"""Descriptions come out as text, headings, lists and links, whatever somebody wrote into them."""

import re
import time
from html.parser import HTMLParser

import pytest

from finetunes.markdown import render

ALLOWED = {
    "p",
    "br",
    "hr",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "strong",
    "em",
    "s",
    "a",
}
HREFS = re.compile(r'href="([^"]*)"')
SECONDS = 2.0


class Seen(HTMLParser):
    """Every tag and attribute as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, "", ""), *((tag, name, value or "") for name, value in attrs)]


def test_markdown_becomes_html() -> None:
    html = render("# One\n\n## Two\n\n##### Five\n\n**b** *i* ~~s~~ `c`\n\n3. x\n\n> q\n\n- a\n  - b")
    for part in ("<h3>One</h3>", "<h4>Two</h4>", "<h6>Five</h6>", "<strong>b</strong>", "<em>i</em>", "<s>s</s>"):
        assert part in html
    for part in ("<code>c</code>", '<ol start="3">', "<blockquote>", "<ul>"):
        assert part in html
    assert render("") == ""


def test_link_goes_to_the_web_or_to_a_mailbox_and_vouches_for_neither() -> None:
    html = render("[x](https://example.com/?a=1&b=2 'Title') <mailto:a@example.com>")
    assert HREFS.findall(html) == ["https://example.com/?a=1&amp;b=2", "mailto:a@example.com"]
    assert html.count('rel="nofollow noopener noreferrer"') == 2


def test_image_is_a_link_that_nothing_loads() -> None:
    html = render('![a "quoted" <b>](https://example.com/a.png) ![](https://example.com/b.png)')
    assert "<img" not in html
    assert ">Image</a>" in html
    assert len(HREFS.findall(html)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<div><p><iframe srcdoc='<script>alert(1)</script>'></iframe></p></div>",
        "<svg/onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<style>*{display:none}</style><form action=/x><input name=y></form>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x]( javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:alert(1))",
        "[x](file:///etc/passwd)",
        "[x](//evil.example.com)",
        "[x](/o/atelier/keys/)",
        "[x](#main)",
        "![x](javascript:alert(1))",
        '![x](https://example.com/" onerror="alert(1))',
        "<javascript:alert(1)>",
        "[x][1]\n\n[1]: javascript:alert(1)",
        '[x](https://example.com "\\" onclick=\\"alert(1)")',
        "```\n<script>alert(1)</script>\n```",
        '```" onclick="alert(1)\nx\n```',
        "`<script>`",
    ],
)
def test_hostile_text_brings_no_tag_no_handler_and_no_other_link(text: str) -> None:
    seen = Seen()
    seen.feed(render(text))
    assert {tag for tag, _, _ in seen.found} <= ALLOWED
    assert {name for _, name, _ in seen.found} <= {"", "href", "title", "rel", "start"}
    assert all(re.match(r"https?:|mailto:", value) for _, name, value in seen.found if name == "href")


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "*a ",
        ">",
        "- ",
        "![[",
        "[a](b",
        "a**b",
        "_a",
        "<a",
        "&a;",
        "[x](",
        "|a" * 40 + "\n|-\n",
        "`" * 7 + " ",
        "x\n",
    ],
)
def test_the_longest_description_is_rendered_soon_and_stays_small(unit: str) -> None:
    """Nesting and unclosed marks cost time in the square; tables would cost megabytes."""
    text = (unit * 10_000)[:10_000]
    begin = time.perf_counter()
    html = render(text)
    assert time.perf_counter() - begin < SECONDS
    assert len(html) < 6 * len(text)
