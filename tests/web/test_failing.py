"""Every page while the service answers 500: a title, what went wrong, and nothing half drawn."""

import pytest

PAGES = ["/flows", "/incidents", "/incidents/1", "/incidents/expected", "/blocks", "/reports",
         "/settings", "/users", "/audit", "/backups", "/hosts/192.0.2.10"]

# heads of tables that are seen although no row is there
BARE_TABLES = ("return [...document.querySelectorAll('main table')].filter((table) =>"
               " table.offsetParent && !table.querySelector('tbody tr')).length")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_cannot_be_loaded_says_so_below_its_title(browser, mock, path):
    mock.state.failing = True
    browser.open(mock.url + path)
    browser.wait("document.querySelector('main h1') !== null")
    browser.wait("document.querySelector('main .failure') !== null")
    assert browser.js("return document.querySelectorAll('main h1').length") == 1
    assert browser.js(BARE_TABLES) == 0


def test_the_overview_does_not_count_for_ever(browser, mock):
    mock.state.failing = True
    browser.open(mock.url + "/dashboard")
    browser.wait("document.querySelector('.verdict[data-level]') !== null")
    browser.wait("!document.querySelector('.verdict h1').textContent.startsWith('Counting')"
                 " && !document.querySelector('.verdict h1').textContent.startsWith('Waiting')")
    assert "answer" in browser.js("return document.querySelector('.verdict h1').textContent") or \
        "could not" in browser.js("return document.querySelector('.verdict h1').textContent")
