"""One browser for the whole run, one fresh mock for each test; skipped by name without Chromium."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from browser import Browser  # noqa: E402  found through the path above
from mock_server import Server  # noqa: E402


@pytest.fixture(scope="session")
def chromium():
    """The one browser; without it a skip, and a failure where CI=true."""
    missing = [tool for tool in ("chromium", "chromedriver") if not shutil.which(tool)]
    if missing and os.environ.get("CI") == "true":
        pytest.fail("%s is not installed" % missing[0])
    if missing:
        pytest.skip("%s is not installed" % missing[0])
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium):
    """The browser in its ordinary size, without cookies, storage or live streams of before."""
    chromium.size(1280, 900)
    chromium.open("about:blank")
    yield chromium
    chromium.open("about:blank")


@pytest.fixture
def mock(request):
    """A mock server; mark with @pytest.mark.mock(role=..., mode=...) for another one."""
    marker = request.node.get_closest_marker("mock")
    server = Server(**(marker.kwargs if marker else {})).start()
    yield server
    reports = server.state.csp_reports
    server.stop()
    assert not reports, "the pages broke their own CSP"


def pytest_configure(config):
    """Names the markers."""
    config.addinivalue_line("markers", "mock(role, mode): what the mock server pretends to be")
    config.addinivalue_line("markers", "alone: times a browser; nothing else runs beside it")
