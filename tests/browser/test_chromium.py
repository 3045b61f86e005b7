"""What a missing Chromium means, here and in CI; and that the one found opens the log-in page of a real `up`."""

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import require
from tests.running import RunningUp


def test_without_chromium_a_developer_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        require(None)


def test_without_chromium_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        require(None)


@pytest.mark.browser
def test_the_log_in_page_opens_without_a_console_message(running_up: RunningUp, page: Page) -> None:
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(running_up.base_url)
    assert "/account/login/" in page.url
    assert page.get_by_role("button", name="Log in", exact=True).is_visible()
    assert messages == []
