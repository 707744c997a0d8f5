"""Settings, users, account, lists, reports, help: what a click sends, against the mock."""

import subprocess

import pytest

from test_pages import open_page, writes


def test_settings_are_gathered_shown_as_a_difference_and_applied(browser, mock):
    open_page(browser, mock, "/settings")
    browser.fill("[data-key='Block.confirm'] input", "90s")
    browser.fill("[data-key='Web.tls'] select", "off")
    browser.wait_text(".save-bar", "2 changes")
    browser.click("nav a", "Flows")
    browser.wait_text("dialog h2", "Leave without applying?")
    browser.click("dialog button", "Cancel")
    browser.click(".save-bar button", "Review")
    browser.wait_text("dialog .diff", "Without TLS passwords cross the network")
    assert browser.text("dialog .diff").count("→") == 2
    browser.click("dialog button.danger", "Apply")
    browser.wait_text("[data-key='Block.confirm']", "changed here")
    assert writes(mock, "/settings")[-1] == {
        "changes": {"Web.tls": "off", "Block.confirm": "90s"}, "version": 0, "confirm": True}
    browser.click("[data-key='Block.confirm'] button", "Take back")
    browser.click(".save-bar button", "Review")
    browser.click("dialog button", "Apply")
    browser.wait("!document.querySelector(\"[data-key='Block.confirm']\").innerText"
                 ".includes('changed here')")
    assert writes(mock, "/settings")[-1]["changes"] == {"Block.confirm": None}


def test_a_wrong_setting_is_said_beside_it_and_secrets_are_not_shown(browser, mock):
    open_page(browser, mock, "/settings")
    browser.fill("[data-key='Block.confirm_entries'] input", "many")
    browser.click(".save-bar button", "Review")
    browser.wait_text("[data-key='Block.confirm_entries'] .field-error", "is a number")
    browser.forget_errors("422")
    secret = "document.querySelector(\"[data-key='API.virustotal_key'] input\")"
    assert browser.js("return [%s.type, %s.value]" % (secret, secret)) == ["password", ""]
    assert browser.js("return document.querySelector(\"[data-key='Web.listen'] input\").disabled")
    browser.fill("[type=search]", "interfaces")
    assert browser.js("return [...document.querySelectorAll('.setting')].filter((e) => "
                      "e.checkVisibility()).map((e) => e.dataset.key)") == ["Capture.interfaces"]
    browser.click(".save-bar button", "Drop changes")
    browser.wait("document.querySelector('.save-bar').hidden")


def test_users_are_added_and_changed(browser, mock):
    open_page(browser, mock, "/users")
    browser.fill("[name=name]", "kim")
    browser.fill("[name=password]", "seven grey umbrellas")
    browser.click(".form-users button", "Add user")
    browser.wait_text(".field-error", "There is a user of this name")
    browser.forget_errors("409")
    browser.fill("[name=name]", "<b>pat</b>")
    browser.click(".form-users button", "Add user")
    browser.wait_text(".table-users", "<b>pat</b>")
    browser.click(".table-users tr[data-key=kim] button", "Role")
    browser.fill("dialog select", "admin")
    browser.click("dialog button.primary")
    browser.wait_text("tr[data-key=kim]", "Admin")
    browser.click("tr[data-key=kim] button", "Disable")
    browser.click("dialog button.danger")
    browser.wait_text("tr[data-key=kim]", "disabled")
    assert writes(mock, "/users/kim/role") == [{"role": "admin"}]
    assert browser.js("return document.querySelector('tr[data-key=admin] button').disabled")


def test_a_second_factor_is_set_up_by_its_picture(browser, mock, tmp_path):
    open_page(browser, mock, "/account")
    browser.click(".panel-totp button", "Set up")
    browser.wait("document.querySelector('.qr svg') !== null")
    picture = tmp_path / "qr.png"
    browser.driver.find_element("css selector", ".qr svg").screenshot(str(picture))
    read = subprocess.run(["zbarimg", "-q", "--raw", picture], capture_output=True, text=True,
                          check=True).stdout
    assert read.startswith("otpauth://totp/Sluice:admin?secret=JBSWY3DP")
    browser.fill(".panel-totp [name=code]", "000000")
    browser.click(".panel-totp button", "Turn on")
    browser.wait_text(".panel-totp .field-error", "That code is wrong")
    browser.forget_errors("422")
    browser.fill(".panel-totp [name=code]", "123456")
    browser.click(".panel-totp button", "Turn on")
    browser.wait_text("dialog .once", "0009-aaaa-bbbb-cccc")
    browser.click("dialog button", "I have kept it")
    browser.wait_text(".panel-totp", "10 recovery codes left")


def test_a_token_is_shown_once_and_revoked(browser, mock):
    open_page(browser, mock, "/account")
    browser.fill(".form-tokens [name=name]", "backup script")
    browser.click(".form-tokens button", "Make a token")
    browser.wait_text("dialog .once", "slt_")
    browser.click("dialog button", "I have kept it")
    browser.wait_text(".table-tokens", "backup script")
    assert "slt_" not in browser.text("main")
    browser.click(".table-tokens button", "Revoke")
    browser.click("dialog button.danger")
    browser.wait_text("main", "No tokens")
    browser.click("button", "End all others")
    browser.wait_text(".toast", "2 sessions ended")


@pytest.mark.mock(role="none")
def test_login_asks_for_the_second_factor_after_the_password(browser, mock):
    open_page(browser, mock, "/login")
    browser.fill("[name=username]", "kim")
    browser.fill("[name=password]", "second-factor")
    assert browser.js("return document.querySelector('[name=code]').checkVisibility()") is False
    browser.click("button", "Log in")
    browser.wait_text(".form-error", "One more step")
    browser.forget_errors("401")
    browser.fill("[name=code]", "123456")
    browser.click("button", "Log in")
    browser.wait("location.pathname === '/dashboard'")


def test_a_list_is_loaded_from_a_file_in_parts(browser, mock, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("!advert\n" + "".join("198.18.%d.%d\n" % (n // 250, n % 250)
                                          for n in range(9000)))
    open_page(browser, mock, "/blocks")
    browser.fill(".form-list [name=list]", "bad")
    browser.driver.find_element("name", "file").send_keys(str(path))
    browser.click(".form-list button", "Load list")
    browser.wait_text(".list-result", "9,000 added")
    browser.wait_text(".table-blocks", "list of 9,000")
    parts = writes(mock, "/lists/bad/part")
    assert len(parts) == 2 and "".join(parts) == path.read_text()
    browser.click(".table-blocks .cell-link", "bad")
    browser.wait_text("dialog table", "203.0.113.8")
    browser.click("dialog button", "Close")


def test_a_feed_is_added_held_and_accepted(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.wait("document.querySelectorAll('[aria-label=\"Known feeds\"] option').length === 2")
    browser.fill("[aria-label='Known feeds']", "drop")
    browser.fill("[name=lifetime]", "7d")
    browser.click("button", "Add feed")
    browser.wait_text(".table-feeds", "812")
    assert writes(mock, "/feeds") == [{"name": "drop", "url": "https://feeds.example/drop.txt",
                                       "action": "count", "every": "24h", "lifetime": "7d"}]
    browser.wait_text(".table-feeds", "up to date")
    browser.wait_text(".table-feeds", "unless fetched, ends")
    mock.state.feeds[0].update(state="expired", expires="2026-01-15T12:00:00.000Z")
    browser.click(".table-feeds button", "Fetch now")
    browser.wait_text(".table-feeds", "ran out: nothing of it is in force")
    assert "unless fetched" not in browser.text(".table-feeds")
    mock.state.feeds[0].update(state="held")
    browser.click(".table-feeds button", "Fetch now")
    browser.click(".table-feeds button", "Accept")
    browser.wait_text(".table-feeds", "up to date")
    browser.click(".table-feeds button", "Remove")
    browser.click("dialog button.danger")
    browser.wait_text("main", "No feed")


def test_a_feed_is_accepted_on_a_phone(browser, mock):
    mock.state.feeds[:] = [{
        "id": 1, "name": "cins-army", "url": "https://cinsscore.com/list/ci-badguys.txt",
        "action": "drop", "state": "held", "entries": 812, "refused": 3, "fetching": False,
        "checked": None, "changed": None, "expires": None, "error": "It has 9 entries instead of 812."}]
    browser.size(390, 844)
    try:
        open_page(browser, mock, "/blocks")
        browser.wait_text(".table-feeds", "812")
        ends = browser.js("return [...document.querySelectorAll('.table-feeds td, .table-feeds button')]"
                          ".map((e) => e.getBoundingClientRect().right)")
        assert ends and max(ends) <= 390
        browser.click(".table-feeds button", "Accept")
        browser.wait_text(".table-feeds", "up to date")
    finally:
        browser.size(1440, 900)


def test_all_blocking_ends_and_comes_back(browser, mock):
    open_page(browser, mock, "/blocks")
    browser.click("button", "End all blocking")
    browser.click("dialog button.danger")
    browser.wait_text(".chip-enforce", "Panic")
    browser.click("button", "Allow blocking again")
    browser.click("dialog button.primary")
    browser.wait_text(".chip-enforce", "Enforcing")
    browser.click(".table-blocks button", "Turn off")
    browser.wait_text(".table-blocks", "Switched off")


def test_a_report_is_made_and_can_be_fetched(browser, mock):
    open_page(browser, mock, "/reports")
    browser.fill(".form-report [name=kind]", "executive")
    browser.click("button", "Make report")
    browser.wait_text(".table-reports", "Executive report")
    browser.wait("document.querySelectorAll('.table-reports a[download]').length === 2")
    assert browser.js("return document.querySelector('.table-reports a[download]')"
                      ".getAttribute('href')") == "/api/v1/reports/3/file"
    order = writes(mock, "/reports")[0]
    assert (order["kind"], order["format"]) == ("executive", "pdf") and order["from"] < order["to"]


def test_search_completes_fields_and_values(browser, mock):
    open_page(browser, mock, "/flows")
    browser.wait("document.querySelectorAll('.table-flows tbody tr').length > 20")
    box = browser.driver.find_element("id", "flow-filter")
    box.send_keys("dp")
    browser.wait_text(".options", "destination port")
    box.send_keys("\ue015\ue007")  # down, enter
    browser.wait("document.querySelector('#flow-filter').value === 'dport:'")
    browser.wait_text(".options", "443")
    box.send_keys("443 state:est\ue015\ue004")  # down, tab
    browser.wait("document.querySelector('#flow-filter').value === "
                 "'dport:443 state:established '")
    browser.click("summary", "Columns")
    browser.click(".chooser-panel label", "JA4")
    browser.wait("document.querySelector('th[data-key=ja4]') !== null")
    browser.wait("location.search.includes('cols=')")
    browser.click("button", "Save search")
    open_page(browser, mock, "/flows")
    browser.click(".saved button", "dport:443 state:established")
    browser.wait("location.search.includes('established')")
    browser.js("localStorage.clear()")


def test_time_shown_moves_by_button_key_and_address(browser, mock):
    open_page(browser, mock, "/dashboard")
    browser.click(".spans label", "7 d")
    browser.wait("location.search === '?span=604800'")
    browser.wait_text(".panel-talkers", "last 7 days")
    browser.driver.switch_to.active_element.send_keys("\ue00c")
    browser.js("document.activeElement.blur()")
    browser.driver.find_element("tag name", "body").send_keys("\ue012")  # left
    browser.wait("new URLSearchParams(location.search).get('end') !== null")
    browser.click("button", "Now")
    browser.wait("location.search === '?span=604800'")
    browser.click("button", "Pause")
    before = browser.text(".tile-in .tile-value")
    seq = mock.state.seq
    while mock.state.seq < seq + 2:
        browser.settle()
    assert browser.text(".tile-in .tile-value") == before


def test_what_was_typed_survives_a_lost_connection(browser, mock):
    open_page(browser, mock, "/incidents/10")
    browser.fill("[name=text]", "a long thought")
    mock.state.down = True
    browser.click("button", "Add note")
    browser.wait_text(".form-error", "Down.")
    assert browser.js("return document.querySelector('[name=text]').value") == "a long thought"
    mock.state.down = False
    browser.click("button", "Add note")
    browser.wait_text(".note-text", "a long thought")
    browser.forget_errors("503")


def test_each_page_has_its_help(browser, mock):
    for path, words in (("/dashboard", "Is all well?"), ("/settings", "Every option"),
                        ("/incidents", "What must I do?")):
        open_page(browser, mock, path)
        browser.click(".help-button")
        browser.wait_text("dialog.help", words)
        browser.click("dialog.help button", "Close")
    open_page(browser, mock, "/help/api")
    browser.wait_text("main", "/api/v1/blocks")


def test_a_test_mail_says_what_became_of_it(browser, mock):
    open_page(browser, mock, "/about")
    browser.click("button", "Send a test mail")
    browser.wait_text("#toasts", "Not sent: The server refused the message (550).")
    browser.wait_text("main", "The server refused the message (550).")
    assert len(writes(mock, "/mail/test")) == 1
