"""Incidents worked through with the keyboard alone, and in bulk, against the mock."""

import pytest
from selenium.webdriver.common.keys import Keys

from test_pages import open_page, writes

ROWS = "document.querySelectorAll('.table-incidents tbody tr').length"
HERE = "document.activeElement.closest('tr')?.dataset.key"


def press(browser, *keys):
    """Keys to whatever has the focus."""
    for key in keys:
        browser.driver.switch_to.active_element.send_keys(key)


def inbox(browser, mock, query=""):
    """The list with what is to do: 10, 9 and 8."""
    open_page(browser, mock, "/incidents" + query)
    browser.wait(ROWS + " >= 1")


def test_keys_walk_acknowledge_and_resolve_and_the_focus_stays(browser, mock):
    inbox(browser, mock)
    assert browser.js("return " + ROWS) == 3  # what is done already is not to do
    press(browser, "j")
    assert browser.js("return " + HERE) == "10"
    press(browser, "a")
    browser.wait("document.querySelector('tr[data-key=\"10\"]').innerText"
                 ".includes('Acknowledged')")
    press(browser, "j")
    assert browser.js("return " + HERE) == "9"
    press(browser, "r")
    browser.wait(ROWS + " === 2")
    browser.wait(HERE + " === '8'")  # the next one moved up
    press(browser, "k", "o")
    browser.wait("location.pathname === '/incidents/10'")
    browser.wait("document.querySelector('.reason') !== null")
    press(browser, "j")
    browser.wait("location.pathname === '/incidents/8'")
    assert writes(mock, "/incidents/10/state") == [{"state": "acknowledged"}]
    assert writes(mock, "/incidents/9/state") == [{"state": "resolved"}]


def test_several_are_selected_and_changed_at_once(browser, mock):
    inbox(browser, mock)
    press(browser, "j", "x", "j", "x")
    browser.wait_text(".bulk", "2 selected")
    press(browser, "f")
    browser.wait(ROWS + " === 1")
    assert writes(mock, "/incidents/bulk") == [{"ids": [10, 9], "state": "false_positive"}]
    browser.click(".pick-cell input")
    browser.wait_text(".bulk", "1 selected")
    browser.click(".bulk button", "Acknowledge")
    browser.wait("document.querySelector('.bulk').hidden")


def test_the_list_of_keys_can_switch_them_off(browser, mock):
    inbox(browser, mock)
    press(browser, "?")
    browser.wait_text("dialog .keys", "false positive")
    browser.click("dialog .check input")
    browser.click("dialog button", "Close")
    browser.wait("document.querySelector('dialog') === null")
    press(browser, "j")
    assert browser.js("return " + HERE) is None
    browser.js("localStorage.clear()")


def test_block_and_expected_by_key_ask_first(browser, mock):
    inbox(browser, mock)
    press(browser, "j", "b")
    browser.wait_text("dialog .preview", "312 flows from 9 sources, 2 of them yours")
    press(browser, Keys.ESCAPE)
    browser.wait("document.querySelector('dialog') === null")
    assert not writes(mock, "/blocks")
    press(browser, "e")
    browser.click("dialog label", "to 192.168.10.12")
    browser.fill("dialog [name=note]", "the scanner of the audit")
    browser.click("dialog button.primary")
    browser.wait(ROWS + " === 2")
    assert writes(mock, "/incidents/10/expected") == [
        {"ttl": "30d", "note": "the scanner of the audit", "dst": None}]
    open_page(browser, mock, "/incidents/expected")
    browser.wait_text(".table-expected", "the scanner of the audit")
    browser.click(".table-expected button", "Report again")
    browser.click("dialog button.primary")
    browser.wait_text(".empty-title", "Nothing is expected yet")


def test_who_was_faster_is_named(browser, mock):
    open_page(browser, mock, "/incidents/10")
    browser.wait("document.querySelector('.reason') !== null")
    incident = next(i for i in mock.state.incidents if i["id"] == 10)
    incident.update(version=3, history=[{"time": incident["last_seen"], "who": "kim",
                                         "action": "state", "from": "open",
                                         "to": "acknowledged", "text": ""}])
    press(browser, "r")
    browser.wait_text(".toast-error", "kim changed this incident meanwhile")
    browser.wait_text(".steps", "by kim")
    browser.forget_errors("409")


def test_others_are_asked_about_a_source_only_on_demand(browser, mock):
    open_page(browser, mock, "/incidents/10")
    browser.wait_text("main", "Nobody was asked yet.")
    browser.click("button", "Ask now")
    browser.wait_text(".reputation", "12 of 83 engines call it malicious")
    browser.wait_text(".reputation", "31 reports, score 48")
    assert writes(mock, "/reputation") == [{"value": "198.51.100.77"}]


def test_downloads_carry_the_filters(browser, mock):
    inbox(browser, mock, "?severity=high&src_ip=198.51.100.77")
    links = browser.js("return [...document.querySelectorAll('a[download]')]"
                       ".map((a) => a.getAttribute('href'))")
    assert links == ["/api/v1/incidents.%s?severity=high&src_ip=198.51.100.77&resolved=no" % form
                     for form in ("csv", "ndjson")]


@pytest.mark.mock(role="viewer")
def test_a_viewer_is_told_why_a_key_does_nothing(browser, mock):
    inbox(browser, mock)
    press(browser, "j", "r")
    browser.wait_text(".toast-error", "needs the role analyst")
    assert mock.state.requests == []
