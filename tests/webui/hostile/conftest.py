"""What is hostile meets the whole browser, with its viewers, as people have it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.webui.browser import launch


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright, whole=True)
        yield browser
        browser.close()
