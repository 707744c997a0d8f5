"""WCAG AA in a real browser: what axe-core finds, and a walk with the keyboard alone."""

from selenium.webdriver.common.keys import Keys

import axe
from mock_server import Server
from test_pages import open_page

PATHS = ("/dashboard", "/flows", "/incidents", "/incidents/10", "/incidents/expected",
         "/hosts/192.168.10.14", "/blocks", "/reports", "/settings", "/users", "/audit",
         "/backups", "/account", "/about", "/help", "/help/search", "/help/api", "/logout", "/password",
         "/hosts/2001:db8::9", "/flows?q=ip:203.0.113.250", "/nowhere")

OUTSIDE = {"login": ("none", "/login"), "set-up": ("setup", "/setup#mock-token"),
           "needs set-up": ("setup", "/login"), "a viewer": ("viewer", "/incidents/10")}

DOUBLE_IDS = """
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
return ids.filter((id, i) => ids.indexOf(id) !== i);
"""


def settled(browser, mock, path):
    """The page with its first rows and numbers."""
    open_page(browser, mock, path)
    browser.wait("document.querySelector('main tbody tr, main .button, main .panel') !== null "
                 "&& !document.querySelector('main').innerText.includes('Loading')")


def in_both_themes(browser, path):
    """What axe finds on the page as it stands; of the dark one, what depends on colours."""
    browser.size(1280, 900, "light")
    found = [(path, text) for text in axe.violations(browser, axe.RULES)]
    browser.size(1280, 900, "dark")
    return found + [(path, "dark", text) for text in axe.violations(browser, axe.CONTRAST)]


def test_axe_finds_nothing_serious_on_any_page_in_either_theme(browser, mock):
    del mock.state.flows[12:]  # one row is like the other
    found = []
    for path in PATHS:
        settled(browser, mock, path)
        found += in_both_themes(browser, path)
        assert browser.js(DOUBLE_IDS) == [], path
        assert browser.js("return document.querySelectorAll('h1').length") == 1, path
        assert browser.js("return document.querySelectorAll('main').length") == 1, path
    assert not found, "\n".join(map(str, found))


def test_axe_finds_nothing_serious_before_a_log_in_and_for_viewers(browser):
    found = []
    for role, path in OUTSIDE.values():
        server = Server(role=role).start()
        try:
            browser.open(server.url + path)
            browser.wait("document.querySelector('main h1') !== null")
            found += in_both_themes(browser, path)
        finally:
            browser.open("about:blank")
            server.stop()
    assert not found, "\n".join(map(str, found))


def test_keyboard_reaches_the_content_and_leaves_a_dialog(browser, mock):
    settled(browser, mock, "/flows")
    body = browser.driver.switch_to.active_element
    body.send_keys(Keys.TAB)
    assert browser.js("return document.activeElement.className") == "skip"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.js("return document.activeElement.id") == "main"
    browser.click(".table-flows .icon-button")
    browser.wait("document.activeElement.textContent === 'Close'")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('dialog') === null")
