"""Descriptions as people write them, in Markdown, and as a page may show them."""

from collections.abc import Sequence

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

# The page's own headings are h1 and h2.
HEADINGS_BELOW = 2
TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("strong", "em", "s", "a"),
}
SCHEMES = {"http", "https", "mailto"}
# A link opens in place, as every other one here: Back returns to the list as it stood, and whoever wants a tab of its
# own takes one.
REL = "nofollow noopener noreferrer"


def render(text: str) -> SafeString:
    """As HTML that holds no script, no image, no style and no link but to the web and to mailboxes."""
    clean = nh3.clean(
        _parser.render(text),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        url_relative="deny",
        link_rel=REL,
    )
    return mark_safe(clean)


def _image_as_link(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """An image of another host would tell it who reads the page."""
    token = tokens[index]
    return f'<a href="{escape(token.attrGet("src"))}">{escape(token.content or "Image")}</a>'


def _heading(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    level = min(6, int(tokens[index].tag[1]) + HEADINGS_BELOW)
    return f"</h{level}>\n" if tokens[index].nesting < 0 else f"<h{level}>"


def _build_parser() -> MarkdownIt:
    # No tables: of 10,000 characters they make 700 kB.
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    parser.add_render_rule("image", _image_as_link)
    parser.add_render_rule("heading_open", _heading)
    parser.add_render_rule("heading_close", _heading)
    return parser


_parser = _build_parser()
