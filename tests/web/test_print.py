"""Every page on paper, printed from the dark theme: no navigation, nothing dark, nothing cut; which
page, which address and which time it was, and page numbers.

usage: test_print.py OUT_DIR     the same as files, to look at"""

import base64
import os
import pathlib
import re
import subprocess
import sys

import pytest

from browser import Browser
from mock_server import Server
from test_access import PATHS, settled

PAPER_PX = 703  # A4 without the margins of @page: 210 - 24 mm at 96 dpi
SOAK = bool(os.environ.get("SLUICE_SOAK"))  # every page; else some of them
MORE = ("/dashboard?span=604800", "/flows?q=since:1h")

# what is wider than the paper below it
CUT = """
const room = document.documentElement.clientWidth;
return [...document.querySelectorAll("main *, .print-head *")].filter((e) => e.checkVisibility()
	&& !e.closest("svg, .plot, .hidden") && e.getBoundingClientRect().right > room + 1)
	.map((e) => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`).slice(0, 5);
"""


def printed(browser):
    """The page as a PDF, once its live numbers are there."""
    browser.wait("document.querySelector('.verdict, .tile-value') === null || "
                 "/\\d/.test(document.querySelector('.tile-value').textContent)")
    answer = browser.driver.execute_cdp_cmd("Page.printToPDF", {
        "printBackground": True, "preferCSSPageSize": True, "paperWidth": 8.27,
        "paperHeight": 11.69})
    return base64.b64decode(answer["data"])


def as_text(pdf):
    """What can be read on it."""
    return subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, check=True,
                          stdout=subprocess.PIPE, timeout=30).stdout.decode()


def greys(pdf):
    """Brightness of the pixels of each page, coarsely."""
    data = subprocess.run(["pdftoppm", "-gray", "-r", "20", "-"], input=pdf, check=True,
                          stdout=subprocess.PIPE, timeout=60).stdout
    pages = []
    while data:
        width, height, start = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", data).groups() + (
            re.match(rb"P5\s+\d+\s+\d+\s+255\s", data).end(),)
        size = int(width) * int(height)
        pages.append(data[start:start + size])
        data = data[start + size:]
    return pages


@pytest.fixture
def dark(browser):
    """A screen whose theme has no place on paper."""
    browser.size(1280, 900, "dark")
    yield browser
    browser.size(1280, 900)


@pytest.mark.parametrize("path", PATHS + MORE if SOAK else PATHS[::3])
def test_a_page_is_fit_for_paper(dark, mock, path):
    del mock.state.flows[40:]
    settled(dark, mock, path)
    pdf = printed(dark)
    text = as_text(pdf)
    pages = greys(pdf)
    assert mock.url.split("//")[1] + path.split("?")[0] in re.sub(r"\s+", "", text)
    assert "Printed " in text and " by admin" in text
    assert "1 of %d" % len(pages) in text and "%d of %d" % (len(pages), len(pages)) in text
    for word in ("Skip to", "Enforcing", "Change…"):
        assert word not in text, word
    for page in pages:
        assert page[0] > 250 and page[-1] > 250, "the paper is not white"
        assert sum(p < 90 for p in page) < len(page) * 0.2, "too much ink"


def test_the_time_shown_is_on_the_paper(dark, mock):
    settled(dark, mock, "/dashboard?span=604800")
    assert re.search(r"Sluice 127\.0\.0\.1:\d+ · .* · 7 d", as_text(printed(dark)))


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_the_paper(browser, mock, path):
    settled(browser, mock, path)
    browser.js("dispatchEvent(new Event('beforeprint'))")
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": PAPER_PX, "height": 1000, "deviceScaleFactor": 1, "mobile": False})
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        browser.settle()
        assert browser.js(CUT) == []
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.size(1280, 900)


def main():
    """All pages as files."""
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    browser, server = Browser(), Server().start()
    try:
        browser.size(1440, 900, "dark")
        for path in PATHS + MORE:
            settled(browser, server, path)
            name = re.sub(r"\W+", "-", path.strip("/"))
            (out / (name + ".pdf")).write_bytes(printed(browser))
    finally:
        browser.close()
        server.stop()


if __name__ == "__main__":
    main()
