"""The whole story on the real program: first login to a second factor, an incident worked through by
keys, a block that drops and ends, a report, and a viewer who sees but cannot do."""

import base64
import hashlib
import hmac
import json
import struct
import time
from urllib.parse import urlsplit

import pytest

from program import PASSWORD, Program
from test_system import BINARY, enter, go, rows, shoot

REPORT_S = 30
VIEWER = ("vera", "seven grey umbrellas")
PAGES = {"host": None, "expected": "/incidents/expected", "reports": "/reports",
         "settings": "/settings", "users": "/users", "audit": "/audit", "backups": "/backups",
         "account": "/account", "about": "/about", "help": "/help", "help-search": "/help/search",
         "help-api": "/help/api"}


@pytest.fixture(scope="module")
def demo():
    """One demo for the story."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program(seed=11)
    yield program
    assert program.stop() == 0


def totp(secret, now):
    """RFC 6238 with its defaults: six digits, SHA-1, 30 s."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(now) // 30),
                      hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at:at + 4])[0] & 0x7fffffff
    return "%06d" % (number % 1_000_000)


def press(browser, *keys):
    """Keys to whatever has the focus."""
    for key in keys:
        browser.driver.switch_to.active_element.send_keys(key)


def set_up_second_factor(browser, demo):
    """By its picture's secret; the code that follows it logs in again."""
    go(browser, demo, "/account", "document.querySelector('.panel-totp button') !== null")
    browser.click(".panel-totp button", "Set up")
    browser.wait("document.querySelector('.qr svg') !== null")
    secret = browser.text(".totp-offer .command").replace(" ", "")
    used = int(time.time()) // 30
    browser.fill(".panel-totp [name=code]", totp(secret, used * 30))
    browser.click(".panel-totp button", "Turn on")
    browser.wait_text("dialog h2", "Recovery codes")
    code = browser.text("dialog .once").split()[0]
    browser.click("dialog button", "I have kept it")
    return code


def test_the_whole_story(browser, demo):
    # in: the demo's first password, a new one, a second factor
    go(browser, demo, "/login", "document.querySelector('.hint-box') !== null")
    for name, value in (("username", "admin"), ("password", "admin")):
        browser.fill("[name=%s]" % name, value)
    browser.click("button", "Log in")
    for name, value in (("old", "admin"), ("new", PASSWORD), ("again", PASSWORD)):
        browser.fill("[name=%s]" % name, value)
    browser.click("button", "Change password")
    browser.wait("document.querySelector('nav') !== null")
    demo.is_claimed = True
    recovery = set_up_second_factor(browser, demo)
    browser.driver.delete_all_cookies()
    go(browser, demo, "/login", "document.querySelector('[name=password]') !== null")
    browser.fill("[name=username]", "admin")
    browser.fill("[name=password]", PASSWORD)
    browser.click("button", "Log in")
    browser.wait_text(".form-error", "One more step")
    browser.forget_errors("401")
    browser.fill("[name=code]", recovery)
    browser.click("button", "Log in")

    # watch: traffic, until an incident appears by itself
    browser.wait_text(".chip", "Running")
    browser.wait(rows(".panel-talkers") + " === 10")
    browser.wait("document.querySelector('.nav-count:not([hidden])') !== null", 40)

    while "no incidents" in demo.run("incident", "list", "--detector", "port_scan", "--from",
                                     "%ds" % (demo.age() + 1)):
        assert demo.age() < 120, "no scan since the start"
        time.sleep(0.2)

    # triage by keyboard, preview, block, drops counted
    browser.click("nav a", "Incidents")
    browser.wait(rows(".table-incidents") + " > 0")
    title = json.dumps("Vertical port scan")
    browser.wait("[...document.querySelectorAll('.row-title')].some((e) => "
                 "e.textContent === %s)" % title, 30)
    browser.js("[...document.querySelectorAll('.row-title')].find((e) => "
               "e.textContent === %s).focus()" % title)
    press(browser, "a")
    browser.wait("document.activeElement.closest('tr').innerText.includes('Acknowledged')")
    press(browser, "o")
    browser.wait_text(".reason", "port")
    source = browser.text(".panel-block .mono")
    press(browser, "b")
    browser.wait_text("dialog .preview", "ould have dropped")
    browser.click("dialog button.danger")
    browser.wait("Number(document.querySelector('.hits')?.innerText.replace(/\\D/g, '')) > 0", 40)
    PAGES["host"] = "/hosts/" + source
    press(browser, "r")
    browser.wait_text(".badge", "Resolved")

    # a host's page says blocked; the block ends
    go(browser, demo, PAGES["host"], "document.querySelector('.panel-facts') !== null")
    browser.wait_text(".view-head", "blocked")
    go(browser, demo, "/blocks", rows(".table-blocks") + " === 1")
    browser.click(".table-blocks button", "Remove")
    browser.click("dialog button.danger")
    browser.wait_text(".panel-list", "Nothing is blocked")


def test_a_report_is_made_and_every_page_is_looked_at(browser, demo):
    cookie, csrf = demo_session(browser, demo)
    status, answer, _ = demo.call("POST", "/users", {
        "name": VIEWER[0], "password": VIEWER[1], "role": "viewer"}, cookie, csrf)
    assert status in (200, 201), answer
    go(browser, demo, "/reports", "document.querySelector('.form-report') !== null")
    browser.click(".form-report button", "Make report")
    browser.wait("document.querySelector('.table-reports a[download]') !== null", REPORT_S)
    for name, path in PAGES.items():
        if path:
            go(browser, demo, path, "document.querySelector('main .panel, main table') !== null "
               "&& !document.querySelector('main').innerText.includes('Loading')")
            shoot(browser, name)
    assert browser.errors() == []
    hosts = {urlsplit(u).netloc for u in browser.requested() if u.startswith(("http", "ws"))}
    assert hosts == {urlsplit(demo.url).netloc}


def demo_session(browser, demo):
    """Logged in without the form; the second factor is taken off by the command line first."""
    demo.run("user", "totp", "admin", "off")
    if not demo.is_claimed:
        demo.claim()
    return enter(browser, demo)


def test_a_viewer_sees_but_cannot_do(browser, demo):
    cookie, csrf = demo.log_in(*VIEWER)
    # a password given by somebody else is changed first
    status, answer, _ = demo.call("POST", "/password", {"old": VIEWER[1], "new": PASSWORD}, cookie,
                                  csrf)
    assert status == 200, answer
    browser.driver.delete_all_cookies()
    enter(browser, demo, (VIEWER[0], PASSWORD))
    go(browser, demo, "/incidents?state=all", rows(".table-incidents") + " > 0")
    links = browser.js("return [...document.querySelectorAll('nav a')].map((a) => a.pathname)")
    assert "/reports" in links and "/settings" not in links and "/users" not in links
    press(browser, "j", "r")
    browser.wait_text(".toast-error", "needs the role analyst")
    go(browser, demo, "/blocks", "document.querySelector('.form-block button')?.disabled")
    go(browser, demo, "/settings", "document.querySelector('.failure') !== null")
    browser.forget_errors("403")
