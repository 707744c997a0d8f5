"""The pages in a real Chromium against the mock: what a person sees, and what a click sends."""

import pytest
from selenium.webdriver.support.ui import WebDriverWait

FIRST_PAGE_BYTES = 200_000  # on the wire; README's promise
HOSTILE = {
    "html": "<img src=x onerror=\"document.title='owned'\"><script>owned=1</script>",
    "rtl": "safe\u202eexe.gpj\u2066\u200f",
    "long": "A" * 10_240,
    "quotes": "'\"`${1}&lt;",
}


def writes(mock, path):
    """Bodies of the changing requests to one path."""
    return [body for _method, p, body, _csrf in mock.state.requests if p == path]


def open_page(browser, mock, path):
    """A page of the mock, drawn."""
    browser.open(mock.url + path)
    browser.wait("document.querySelector('h1') !== null")


# ---- getting in ---------------------------------------------------------------------------------

@pytest.mark.mock(role="none")
def test_login_leads_to_the_forced_change_then_to_the_page_asked_for(browser, mock):
    open_page(browser, mock, "/flows?q=proto:udp")
    browser.wait_text(".hint-box", "admin")
    browser.fill("[name=username]", "admin")
    browser.fill("[name=password]", "admin")
    browser.click("button", "Log in")
    browser.wait_text("h1", "Choose your own password")
    browser.fill("[name=old]", "admin")
    browser.fill("[name=new]", "a long enough one")
    browser.fill("[name=again]", "a long enough one")
    browser.click("button", "Change password")
    browser.wait_text("h1", "Flows")
    assert browser.js("return document.querySelector('#flow-filter').value") == "proto:udp"
    assert writes(mock, "/login") == [{"username": "admin", "password": "admin"}]
    assert writes(mock, "/password") == [{"old": "admin", "new": "a long enough one"}]


@pytest.mark.mock(role="none", mode="live")
def test_wrong_login_says_so_and_live_mode_offers_no_credentials(browser, mock):
    open_page(browser, mock, "/login")
    assert browser.text(".hint-box") is None
    assert browser.text(".banner-demo") is None
    browser.fill("[name=username]", "admin")
    browser.fill("[name=password]", "nonsense")
    browser.click("button", "Log in")
    browser.wait_text(".form-error", "wrong")
    assert browser.js("return document.querySelector('[name=password]').value") == ""


@pytest.mark.mock(role="none")
def test_next_leads_nowhere_else(browser, mock):
    open_page(browser, mock, "/login?next=//evil.example/x")
    browser.fill("[name=username]", "admin")
    browser.fill("[name=password]", "secret-secret")
    browser.click("button", "Log in")
    browser.wait("location.pathname === '/dashboard'")
    assert browser.js("return location.origin") == mock.url


@pytest.mark.mock(role="setup", mode="live")
def test_setup_link_makes_the_first_account_and_shows_the_servers_refusal(browser, mock):
    open_page(browser, mock, "/setup#mock-token")
    browser.fill("[name=new]", "password1234")
    browser.fill("[name=again]", "password1234")
    browser.click("button", "Create")
    browser.wait_text(".field-error", "Too weak")
    browser.fill("[name=new]", "twelve characters")
    browser.fill("[name=again]", "twelve characters")
    browser.click("button", "Create")
    browser.wait_text("h1", "Lists to begin with?")
    browser.wait_text(".setup-feeds li", "Terms: free")
    assert not writes(mock, "/feeds")  # none by itself
    browser.click("button", "Add")
    browser.wait_text(".setup-feeds button", "Added")
    assert writes(mock, "/feeds")[-1]["name"] == "drop"
    browser.click("button", "Go to the overview")
    browser.wait("location.pathname === '/dashboard'")
    assert writes(mock, "/setup")[-1] == {"token": "mock-token", "username": "admin",
                                          "password": "twelve characters"}


def test_logout_is_confirmed_and_ends_the_session(browser, mock):
    open_page(browser, mock, "/logout")
    assert not writes(mock, "/logout")
    browser.click("button", "Log out")
    browser.wait("location.pathname === '/login'")
    assert len(writes(mock, "/logout")) == 1


# ---- overview -----------------------------------------------------------------------------------

def test_overview_draws_everything_within_its_weight(browser, mock):
    mock.state.wire_bytes = 0
    browser.open(mock.url + "/dashboard")
    browser.wait("document.querySelector('.plot canvas') && "
                 "document.querySelector('.tile-value').innerText !== '–'")
    for text in ("1 incident of high severity", "Traffic"):
        browser.wait_text("h1, h2", text)
    browser.wait("document.querySelectorAll('.panel-talkers tbody tr').length === 10")
    browser.wait_text(".coverage-text", "accounted for")
    browser.wait_text(".panel-ifaces", "eth0")
    browser.wait_text(".banner-demo", "simulated")
    browser.wait_text(".panel-changes", "New names: new.example.org, cdn.example.net")
    browser.wait_text(".panel-incident-charts", "7 incidents in 24 hours, most at 06:00 (3)")
    assert browser.js("return [...document.querySelectorAll('.count-value')]"
                      ".map((e) => e.innerText)") == ["1", "1", "0"]
    assert mock.state.wire_bytes <= FIRST_PAGE_BYTES
    assert browser.errors() == []


def test_overview_follows_the_stream(browser, mock):
    open_page(browser, mock, "/dashboard")
    browser.wait_text(".chip", "Running")
    before = browser.text(".verdict-detail")
    browser.wait("document.querySelector('.verdict-detail').innerText !== %r" % before, 4)


def test_nothing_is_called_well_before_incidents_were_counted(browser, mock):
    keep = ("window.said = []; new MutationObserver(() => said.push(document.querySelector('h1')"
            "?.innerText)).observe(document, {subtree: true, childList: true, characterData: true})")
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument",
                                            {"source": keep})
    open_page(browser, mock, "/dashboard")
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.wait_text("h1", "1 incident of high severity")
    assert "All is well." not in browser.js("return said")


def test_panic_and_quiet_are_told_apart(browser, mock):
    mock.state.incidents.clear()
    open_page(browser, mock, "/dashboard")
    browser.wait_text("h1", "All is well.")
    mock.state.enforcement = "panic"
    browser.wait_text("h1", "Enforcement is off")
    browser.wait_text(".chip-enforce", "Panic")


def test_lost_stream_shows_polling_then_loss_then_recovers(browser, mock):
    open_page(browser, mock, "/dashboard")
    browser.wait_text(".chip", "Running")
    mock.state.down = True
    browser.wait_text(".banner-lost", "Connection lost", 15)
    browser.wait_text("h1", "Sluice does not answer")
    mock.state.down = False
    browser.wait_text(".chip", "Running", 20)
    assert browser.js("return document.querySelector('.banner-lost').hidden")


def test_two_tabs_share_one_stream(browser, mock):
    open_page(browser, mock, "/dashboard")
    browser.wait_text(".chip", "Running")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("window")
    open_page(browser, mock, "/dashboard")
    browser.wait_text(".chip", "Running")
    WebDriverWait(mock.state, 5).until(lambda state: len(state.mailboxes) == 1)
    before = browser.text(".verdict-detail")
    browser.wait("document.querySelector('.verdict-detail').innerText !== %r" % before, 4)
    browser.driver.close()
    browser.driver.switch_to.window(first)


# ---- flows --------------------------------------------------------------------------------------

def test_flow_filter_lives_in_the_address_and_filters(browser, mock):
    open_page(browser, mock, "/flows")
    browser.wait("document.querySelectorAll('.table-flows tbody tr').length > 50")
    browser.fill("#flow-filter", "proto:udp port:53")
    browser.wait("location.search === '?q=proto%3Audp+port%3A53'")
    browser.wait("[...document.querySelectorAll('.table-flows td.proto')]"
                 ".every((e) => e.innerText === 'UDP')")
    browser.fill("#flow-filter", "src:nonsense")
    browser.wait_text("#flow-filter-error", "no address or prefix")
    browser.fill("#flow-filter", "ip:203.0.113.99")
    browser.wait_text(".empty-title", "No flow matches")


def test_click_on_an_address_filters_and_a_row_shows_details(browser, mock):
    open_page(browser, mock, "/flows")
    browser.click(".table-flows tbody .cell-link", "192.168.10.14")
    browser.wait("document.querySelector('#flow-filter').value === 'ip:192.168.10.14'")
    browser.click(".table-flows .icon-button")
    browser.wait_text("dialog h2", "Flow")
    browser.click("dialog button", "Close")
    browser.wait("document.querySelector('dialog') === null")


def test_flows_sort_by_column_and_pause(browser, mock):
    open_page(browser, mock, "/flows")
    browser.click("th button", "Sent")
    browser.wait("document.querySelector('th[data-key=bytes_out]').ariaSort === 'descending'")
    browser.wait("location.search === '?sort=bytes_out&dir=desc'")
    browser.click("button", "Pause")
    browser.wait_text(".summary", "Paused")


# ---- incidents and blocks -----------------------------------------------------------------------

def test_block_from_an_incident_sends_the_right_order_and_shows_drops(browser, mock):
    open_page(browser, mock, "/incidents/10")
    browser.wait_text(".reason", "probed 996 different ports")
    browser.wait("document.querySelectorAll('.table-evidence tbody tr').length === 8")
    browser.click("button", "Block this source")
    browser.fill("dialog [name=ttl]", "7d")
    browser.click("dialog button.danger")
    browser.wait_text(".block-live", "packets dropped")
    order = writes(mock, "/blocks")[0]
    assert order == {"value": "198.51.100.77", "action": "drop", "direction": "both",
                     "ttl": "7d", "reason": "Vertical port scan, incident 10",
                     "incident_id": 10}
    assert mock.state.requests[-1][3] == "mock-csrf"
    before = browser.text(".hits")
    browser.wait("document.querySelector('.hits').innerText !== %r" % before, 4)


def test_incident_state_and_note_are_sent(browser, mock):
    open_page(browser, mock, "/incidents/10")
    browser.click("button", "Acknowledge")
    browser.wait_text(".badge", "Acknowledged")
    browser.fill("[name=text]", "seen & <b>understood</b>")
    browser.click("button", "Add note")
    browser.wait_text(".note-text", "seen & <b>understood</b>")
    assert writes(mock, "/incidents/10/state") == [{"state": "acknowledged", "version": 0}]


def test_incident_list_filters_by_address_bar_and_by_click(browser, mock):
    open_page(browser, mock, "/incidents?severity=high")
    browser.wait("document.querySelectorAll('.table-incidents tbody tr').length === 1")
    browser.click(".segmented label", "Medium")
    browser.wait("document.querySelector('.table-incidents').innerText.includes('Medium')")
    browser.click(".segmented label", "All")
    browser.wait("document.querySelectorAll('.table-incidents tbody tr').length === 2")
    assert browser.js("return location.search") == "?severity=medium&state=all"


def test_names_lists_and_what_waits_for_confirmation(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.wait_text(".table-blocks", "ads.example.net")
    text = browser.js("return document.querySelector('.table-blocks').innerText")
    assert "dns 12, tls 3" in text and "list of 1,204" in text and "s to confirm" in text
    assert "1 to confirm" in browser.js("return document.querySelector('.panel-list').innerText")
    browser.click(".table-blocks button", "Confirm")
    browser.wait("!document.querySelector('.table-blocks').innerText.includes('s to confirm')")
    assert ("POST", "/blocks/5/confirm") in [r[:2] for r in mock.state.requests]


def test_block_form_adds_refuses_and_removes(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.fill(".panel-add [name=value]", "192.168.10.1")
    browser.wait_text(".preview", "On the safe list")
    browser.click(".panel-add button", "Block")
    browser.wait_text(".panel-add .field-error", "safe list (gateway")
    browser.fill(".panel-add [name=value]", "2001:db8:5::/48")
    browser.wait_text(".preview", "can be blocked")
    browser.click(".panel-add button", "Block")
    browser.wait_text(".table-blocks", "2001:db8:5::/48")
    browser.click(".table-blocks button", "Remove")
    browser.click("dialog button.danger")
    browser.wait("!document.querySelector('.table-blocks').innerText.includes('2001:db8:5')")
    assert ("DELETE", "/blocks/6") == mock.state.requests[-1][:2]


def test_safe_list_adds_and_removes(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.fill(".panel-safe [name=prefix]", "203.0.113.7")
    browser.click(".panel-safe button", "Add")
    browser.wait_text(".panel-safe .field-error", "A block overlaps")
    browser.fill(".panel-safe [name=prefix]", "198.51.100.200")
    browser.click(".panel-safe button", "Add")
    browser.wait_text(".table-safe", "198.51.100.200/32")


@pytest.mark.mock(role="viewer")
def test_viewer_is_told_why_not(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.wait_text(".why", "Blocking needs the role admin")
    assert browser.js("return document.querySelector('.panel-add button').disabled")
    open_page(browser, mock, "/incidents/10")
    browser.wait_text(".panel-reason", "needs the role analyst")
    assert browser.js("return document.querySelector('.panel-block button').disabled")


# ---- hostile names, other hosts, themes, sizes ---------------------------------------------------

def test_hostile_names_are_text(browser, mock):
    names = list(HOSTILE.values())
    for i, incident in enumerate(mock.state.incidents):
        incident["title"] = incident["reason"] = names[i % len(names)]
        mock.state.notes[incident["id"]] = [
            {"time": incident["last_seen"], "author": "kim", "text": names[i % len(names)]}]
    for i, flow in enumerate(mock.state.flows):
        flow["sni"] = names[i % len(names)]
    for i, block in enumerate(mock.state.blocks):
        block["reason"] = names[i % len(names)]
    for path in ("/flows", "/incidents", "/incidents/7", "/incidents/8", "/incidents/9",
                 "/incidents/10", "/blocks", "/dashboard"):
        open_page(browser, mock, path)
        browser.wait("document.querySelectorAll('main bdi.name').length > 3")
        assert browser.js("return document.querySelectorAll('main img, main script').length") == 0
        assert browser.js("return window.owned === undefined && document.title !== 'owned'")
        assert browser.js("return document.documentElement.scrollWidth") <= 1280, path
        assert not set(browser.js("return document.querySelector('main').innerText")) & set(
            "\u202e\u2066\u200f")
    assert browser.errors() == []


def test_theme_choice_holds_over_a_reload(browser, mock):
    open_page(browser, mock, "/dashboard")
    light = browser.js("return getComputedStyle(document.body).backgroundColor")
    browser.click(".menu-button")
    browser.click(".menu-theme label", "Dark")
    dark = browser.js("return getComputedStyle(document.body).backgroundColor")
    assert dark != light
    open_page(browser, mock, "/dashboard")
    assert browser.js("return getComputedStyle(document.body).backgroundColor") == dark
    browser.js("localStorage.clear()")


def test_no_width_scrolls_sideways(browser, mock):
    for path in ("/dashboard", "/flows", "/incidents", "/incidents/10", "/blocks"):
        open_page(browser, mock, path)
        browser.wait("document.querySelector('main .panel, main tbody tr') !== null")
        for width in (3840, 1024, 360):
            browser.size(width, 900)
            browser.settle()
            assert browser.js("return document.documentElement.scrollWidth") <= width, path


# What a phone shows of each table is whole: nothing is cut off at its right edge.
CUT = """return [...document.querySelectorAll("main .table-wrap")]
    .filter((w) => w.scrollWidth > w.clientWidth).map((w) => w.querySelector("caption").textContent)"""


def test_tables_fit_a_phone(browser, mock):
    browser.size(390, 844)
    for path in ("/dashboard", "/flows", "/incidents", "/incidents/10", "/blocks", "/help/search"):
        open_page(browser, mock, path)
        browser.wait("document.querySelector('main tbody tr') !== null")
        browser.settle()
        assert browser.js(CUT) == [], path


def test_unknown_page_says_so(browser, mock):
    open_page(browser, mock, "/nowhere")
    browser.wait_text("h1", "There is no such page")
