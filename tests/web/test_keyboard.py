"""Every page walked with the keyboard alone: all that can be used is reached, in the order in which
it is read, with a focus that is seen; Escape leads out of what was opened (WCAG 2.2: 2.1.1, 2.1.2,
2.4.3, 2.4.7, 2.4.11)."""

import os

import pytest
from selenium.webdriver.common.keys import Keys

from test_access import OUTSIDE, PATHS, settled
from mock_server import Server

SOAK = bool(os.environ.get("SLUICE_SOAK"))  # every page; else some of them
MORE = 10  # rows that came meanwhile; behind the last the walk begins anew

# Notes each stop of the walk, as it is at the moment it gets the focus.
RECORD = """
window.stops = [];
const seen = (e) => {
	const shown = e.matches(".segmented input") ? e.nextElementSibling : e;
	const style = getComputedStyle(shown);
	return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
};
const covered = (e) => {
	const shown = e.matches(".segmented input") ? e.parentElement : e;
	const box = shown.getBoundingClientRect();
	const x = Math.min(innerWidth - 2, Math.max(1, box.left + box.width / 2));
	const y = box.top + Math.min(box.height / 2, innerHeight / 2);
	const top = document.elementFromPoint(x, y);
	return !top || !(shown.contains(top) || top.contains(shown) || top.closest("label"));
};
const name = (e) => `${e.tagName} ${e.getAttribute("aria-label") || e.textContent.trim()
	.slice(0, 30) || e.name || e.id}`;
document.addEventListener("focusin", ({ target }) => requestAnimationFrame(() => {
	if (target.isConnected && target === document.activeElement) {
		window.stops.push({ element: target, name: name(target), seen: seen(target),
			covered: covered(target) });
	}
}));
"""

# What a keyboard must reach: of a group of radio buttons one.
WANTED = """
const groups = new Set();
return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, "
	+ "[tabindex='0']")].filter((e) => {
	if (e.disabled || e.tabIndex < 0 || e.type === "hidden" || !e.checkVisibility({
		visibilityProperty: true })) {
		return false;
	}
	if (e.type !== "radio") {
		return true;
	}
	const group = e.closest("[role=radiogroup]");
	const isFirst = !groups.has(group);
	groups.add(group);
	return isFirst;
}).length;
"""

# (never reached, not seen, covered, out of the order of reading)
JUDGE = """
const stops = window.stops;
const reached = new Set(stops.map((s) => s.element));
const missed = [...document.querySelectorAll("main a[href], main button, main input, main select, "
	+ "main textarea, main summary")].filter((e) => !e.disabled && e.tabIndex >= 0
	&& e.type !== "radio" && e.type !== "hidden" && e.checkVisibility() && !reached.has(e));
const back = stops.filter((s, i) => i > 0 && s.element.isConnected
	&& stops[i - 1].element.isConnected && (stops[i - 1].element.compareDocumentPosition(s.element)
	& Node.DOCUMENT_POSITION_PRECEDING)
	&& s.element !== stops[0].element);
const names = (list) => [...new Set(list.map((s) => s.name))];
return { missed: missed.map((e) => e.outerHTML.slice(0, 90)),
	unseen: names(stops.filter((s) => !s.seen)), covered: names(stops.filter((s) => s.covered)),
	back: names(back), count: reached.size };
"""


def tab(browser, times):
    """The Tab key, @times times, one after the other as a person presses it."""
    for _ in range(times):
        for kind in ("rawKeyDown", "keyUp"):
            browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {
                "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})
        browser.settle()


def walk(browser):
    """From the top of the page through all of it; what is wrong."""
    browser.js("document.body.tabIndex = -1; document.body.focus();"
               "document.body.removeAttribute('tabindex');")
    browser.js(RECORD)
    tab(browser, browser.js(WANTED) + MORE)
    browser.settle()
    return browser.js(JUDGE)


def faults(result):
    """Kinds of faults with what has them."""
    return {kind: result[kind] for kind in ("missed", "unseen", "covered", "back") if result[kind]}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_walked_by_keyboard(browser, mock, path):
    del mock.state.flows[4:]  # one row is like the other
    settled(browser, mock, path)
    # rows that change places while somebody walks are held, as a person would
    browser.js("[...document.querySelectorAll('main button')].find((b) => "
               "b.textContent === 'Pause')?.click()")
    result = walk(browser)
    assert result["count"] > 3 and faults(result) == {}


@pytest.mark.parametrize("which", OUTSIDE)
def test_a_page_before_the_log_in_is_walked_by_keyboard(browser, which):
    role, path = OUTSIDE[which]
    server = Server(role=role).start()
    try:
        browser.open(server.url + path)
        browser.wait("document.querySelector('main h1') !== null")
        assert faults(walk(browser)) == {}
    finally:
        browser.open("about:blank")
        server.stop()


@pytest.mark.parametrize("path", PATHS if SOAK else PATHS[::5])
def test_the_list_of_keys_opens_and_closes_on_each_page(browser, mock, path):
    settled(browser, mock, path)
    browser.js("document.activeElement?.blur()")
    browser.driver.switch_to.active_element.send_keys("?")
    browser.wait_text("dialog h2", "Keys of this page")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('dialog') === null")


# what opens a dialog on a page; Escape closes it and the focus is where it was
DIALOGS = {"/dashboard": ".help-button", "/flows": ".table-flows .icon-button",
           "/users": "[aria-label^='Role']:not(:disabled)", "/blocks": "[aria-label^='Remove']",
           "/reports": "[aria-label^='Delete']", "/incidents/10": ".panel-block .button",
           "/settings": ".help-button"}


@pytest.mark.parametrize("path", DIALOGS)
def test_escape_closes_a_dialog_and_the_focus_is_where_it_was(browser, mock, path):
    settled(browser, mock, path)
    browser.wait("document.querySelector(%r) !== null" % DIALOGS[path])
    browser.js("document.querySelector(arguments[0]).focus()", DIALOGS[path])
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('dialog') === null")
    assert browser.js("return document.activeElement.matches(arguments[0])", DIALOGS[path])


def test_the_menu_of_the_account_opens_and_closes_by_keyboard(browser, mock):
    settled(browser, mock, "/about")
    browser.js("document.querySelector('.menu-button').focus()")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("!document.querySelector('.menu-panel').hidden")
    tab(browser, 1)
    assert browser.js("return document.activeElement.closest('.menu-panel') !== null")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('.menu-panel').hidden")
    assert browser.js("return document.activeElement.className") == "menu-button"
