"""What is hostile meets the whole browser, with its viewers, as people have it."""

import pytest
from playwright.sync_api import Browser

from tests.webui.browser import browsers


@pytest.fixture(scope="module")
def chromium() -> Browser:
    return browsers.get(whole=True)
