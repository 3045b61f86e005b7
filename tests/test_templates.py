"""Every template keeps the rules that a strict CSP and pages without JavaScript rest on."""

import re
from collections import Counter
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template.loader import render_to_string

TEMPLATES = settings.ROOT / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
TAG = re.compile(r"<[a-zA-Z](?:\{%.*?%\}|\{\{.*?\}\}|\"[^\"]*\"|'[^']*'|[^>\"'{]|\{)*>", re.DOTALL)
INLINE_STYLE = re.compile(r"\sstyle\s*=")
INLINE_HANDLER = re.compile(r"\s(?:on[a-z]+|hx-on[a-z:-]*)\s*=")
INCLUDE = re.compile(r"\{% include \"([^\"]+)\"")


def tags_of(file: Path) -> list[str]:
    return TAG.findall(file.read_text())


def name_of(file: Path) -> str:
    return file.relative_to(TEMPLATES).as_posix()


def faults_of(tag: str) -> list[str]:
    """What a tag must not be under `default-src 'self'`, and a link that works with htmx alone."""
    faults = []
    if INLINE_STYLE.search(tag):
        faults.append("inline style")
    if INLINE_HANDLER.search(tag):
        faults.append("inline handler")
    if tag.startswith("<script") and " src=" not in tag:
        faults.append("inline script")
    if tag.startswith("<style"):
        faults.append("inline style sheet")
    if tag.startswith("<a ") and "hx-get=" in tag and " href=" not in tag:
        faults.append("link without href")
    if re.search(r"(?:src|href)=\"(?:https?:)?//", tag):
        faults.append("other host")
    return faults


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_template_obeys_the_content_security_policy(file: Path) -> None:
    faults = [(fault, tag) for tag in tags_of(file) for fault in faults_of(tag)]
    assert not faults


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ('<p class="a" style="color:red">', "inline style"),
        ("<button onclick=\"go('x > y')\">", "inline handler"),
        ('<form hx-on:submit="go()">', "inline handler"),
        ("<script>", "inline script"),
        ("<style>", "inline style sheet"),
        ('<a class="tab" hx-get="{% url "finetunes" organization.org_id %}">', "link without href"),
        ('<link href="https://fonts.test/inter.css">', "other host"),
    ],
)
def test_scan_finds_each_fault(tag: str, fault: str) -> None:
    assert [faults_of(found) for found in TAG.findall(f"{tag}text")] == [[fault]]


def test_shared_files_are_included_at_two_places_or_more() -> None:
    places = Counter(name for file in FILES for name in INCLUDE.findall(file.read_text()))
    shared = [name_of(file) for file in FILES if file.name.startswith("_")]
    assert shared
    assert [name for name in shared if places[name] < 2] == []


def test_times_are_written_by_their_tags() -> None:
    """Else the format, the title and the zone drift apart from page to page."""
    own = [name_of(file) for file in FILES if re.search(r"<time datetime=|\|naturaltime|H:i", file.read_text())]
    assert own == []


def test_summary_of_a_refusal_without_fields_has_no_empty_list() -> None:
    form = forms.Form({})
    form.add_error(None, "Too late.")
    page = render_to_string("_errors.html", {"form": form})
    assert "<p>Too late.</p>" in page
    assert "<ul" not in page
