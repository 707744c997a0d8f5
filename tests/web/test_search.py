"""The search box of the flows page and its history part, in a real browser against the mock."""
import re

from test_pages import open_page

ROWS = "document.querySelectorAll('.table-flows tbody tr').length"
HISTORY = "!document.querySelector('.flow-history').hidden"


def test_a_time_turns_the_page_to_the_history_and_back(browser, mock):
    open_page(browser, mock, "/flows")
    browser.wait(ROWS + " > 50")
    assert browser.js("return document.querySelector('.flow-history').hidden") is True
    browser.click(".flow-times button", "Last hour")
    browser.wait("location.search === '?q=since%3A1h'")
    browser.wait(HISTORY + " && " + ROWS + " === 20")
    browser.wait_text(".summary", "newest 20 records of the history")
    pressed = "document.querySelector('.flow-times [aria-pressed=true]').textContent"
    assert browser.js("return " + pressed) == "Last hour"
    browser.click("button", "Older records")
    browser.wait(ROWS + " === 40")
    browser.click(".flow-times button", "Last 24 hours")
    browser.wait("document.querySelector('#flow-filter').value === 'since:24h'")
    browser.click(".flow-times button", "Now")
    browser.wait("document.querySelector('.flow-history').hidden && " + ROWS + " > 50")
    assert browser.js("return " + pressed) == "Now"


def test_conditions_stay_when_the_time_changes_and_the_link_opens_the_same(browser, mock):
    open_page(browser, mock, "/flows?q=proto%3Audp+since%3A1h")
    browser.wait(HISTORY)
    browser.wait("[...document.querySelectorAll('.table-flows td.proto')]"
                 ".every((e) => e.innerText === 'UDP')")
    browser.click(".flow-times button", "All")
    browser.wait("document.querySelector('#flow-filter').value"
                 " === 'proto:udp since:1970-01-01'")


def test_a_search_that_was_cut_says_so(browser, mock):
    open_page(browser, mock, "/flows?q=since%3A7d")
    browser.wait_text(".summary", "cut at its time limit")


def test_downloads_carry_the_search(browser, mock):
    open_page(browser, mock, "/flows?q=dport%3A443+since%3A1h")
    browser.wait(HISTORY)
    links = browser.js("return [...document.querySelectorAll('.flow-history a[download]')]"
                       ".map((a) => a.getAttribute('href'))")
    assert links == ["/api/v1/flows.csv?q=dport%3A443%20since%3A1h",
                     "/api/v1/flows.ndjson?q=dport%3A443%20since%3A1h"]


def test_the_busiest_are_shown_by_field_and_narrow_the_search(browser, mock):
    open_page(browser, mock, "/flows?q=since%3A1h")
    browser.wait("document.querySelectorAll('.table-busiest tbody tr').length > 3")
    browser.wait_text(".busiest + p", "3 other records")
    browser.fill(".flow-history select", "dport")
    browser.wait("document.querySelector('.table-busiest tbody th').innerText.trim() === '443'"
                 " || document.querySelector('.table-busiest tbody th').innerText.trim() === '53'")
    first = browser.text(".table-busiest tbody th").strip()
    browser.click(".table-busiest tbody .cell-link", first)
    browser.wait("document.querySelector('#flow-filter').value === 'since:1h dport:%s'" % first)


def test_a_wrong_word_is_said_beside_the_box(browser, mock):
    open_page(browser, mock, "/flows?q=since%3A1h")
    browser.wait(HISTORY)
    browser.fill("#flow-filter", "src:nonsense since:1h")
    browser.wait_text("#flow-filter-error", "no address or prefix")
    browser.fill("#flow-filter", "since:1h")
    browser.wait("document.querySelector('#flow-filter-error').textContent === ''")
    browser.forget_errors("422")


def test_a_phone_shows_it_without_scrolling_sideways(browser, mock):
    browser.size(390, 844)
    open_page(browser, mock, "/flows?q=since%3A1h")
    browser.wait("document.querySelectorAll('.table-flows tbody tr').length > 3")
    browser.settle()
    # sums over all records are not asked for before they are in sight
    assert browser.text(".busiest") == ""
    browser.js("document.querySelector('.flow-history').scrollIntoView()")
    browser.wait("document.querySelectorAll('.table-busiest tbody tr').length > 3")
    browser.settle()
    assert browser.js("return document.documentElement.scrollWidth") <= 390
    assert re.search(r"\d", browser.text(".table-busiest"))
