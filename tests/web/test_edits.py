"""Two admins change one thing, a connection breaks in the middle of a form: the second is told who
was faster and what is different now, and nothing that was typed is lost."""

import json
import re
import urllib.error
import urllib.request

import pytest

from browser import Browser
from program import BINARY, PASSWORD, Program, until

KIM = ("kim", "seven grey umbrellas")


class Admin:
    """A session of the API that may name what it saw."""

    def __init__(self, demo, name, password):
        self.url = demo.url
        self.cookie, self.csrf = demo.log_in(name, password)

    def ask(self, method, path, body=None, seen=None):
        """Status, headers, decoded answer."""
        headers = {"Content-Type": "application/json", "Cookie": self.cookie,
                   "X-CSRF-Token": self.csrf}
        if seen is not None:
            headers["If-Match"] = seen
        request = urllib.request.Request(
            self.url + "/api/v1" + path, method=method, headers=headers,
            data=None if method == "GET" else json.dumps(body or {}).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read() or b"null")

    def do(self, method, path, body=None):
        """What must succeed; its answer."""
        status, _, answer = self.ask(method, path, body)
        assert status < 300, answer
        return answer

    def item(self, path, **wanted):
        """The first of a list with these members."""
        return next(i for i in self.do("GET", path)["items"]
                    if all(i[k] == v for k, v in wanted.items()))


@pytest.fixture(scope="module")
def demo():
    """A demo with a second admin, and somebody to change."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    for name, role in (KIM[0], "admin"), ("ada", "viewer"):
        program.run("user", "add", name, "--role", role, typed=KIM[1] + "\n")
    cookie, csrf = program.log_in(*KIM)
    assert program.call("GET", "/session", cookie=cookie)[1]["user"]["must_change"] is False or \
        program.call("POST", "/password", {"old": KIM[1], "new": KIM[1] + " open"}, cookie,
                     csrf)[0] == 200
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """The one who looks first and acts last."""
    return Admin(demo, "admin", PASSWORD)


@pytest.fixture(scope="module")
def kim(demo):
    """The one who is faster."""
    for password in (KIM[1], KIM[1] + " open"):
        if demo.call("POST", "/login", {"username": KIM[0], "password": password})[0] == 200:
            return Admin(demo, KIM[0], password)
    raise AssertionError("kim cannot log in")


def block(admin, value):
    """A new block."""
    return admin.do("POST", "/blocks", {"value": value, "ttl": "1h"})


# ---- the API -------------------------------------------------------------------------------------

# what is made, where it is listed, what kim does, what admin wants: the words and members told
CHANGED = {
    "user role": (None, ("/users", {"name": "ada"}),
                  ("POST", "/users/ada/role", {"role": "analyst"}),
                  ("POST", "/users/ada/role", {"role": "admin"}),
                  "kim changed the role of this user meanwhile.", ["role"]),
    "user disabled": (None, ("/users", {"name": "ada"}),
                      ("POST", "/users/ada/disabled", {"disabled": True}),
                      ("POST", "/users/ada/disabled", {"disabled": False}),
                      "kim disabled this user meanwhile.", ["disabled"]),
    "user password": (None, ("/users", {"name": "ada"}),
                      ("POST", "/users/ada/disabled", {"disabled": False}),
                      ("POST", "/users/ada/password", {"password": "a new long password"}),
                      "kim enabled this user meanwhile.", ["disabled"]),
    "user second factor": (None, ("/users", {"name": "ada"}),
                           ("POST", "/users/ada/totp", {"on": True}),
                           ("POST", "/users/ada/totp", {"on": True}),
                           "kim turned on the second factor of this user meanwhile.", ["totp"]),
    "block off": (("POST", "/blocks", {"value": "203.0.113.11"}),
                  ("/blocks", {"value": "203.0.113.11"}),
                  ("POST", "/blocks/%(id)s/off", None), ("DELETE", "/blocks/%(id)s", None),
                  "kim switched off this block meanwhile.", ["state"]),
    "block on": (("POST", "/blocks", {"value": "203.0.113.12"}),
                 ("/blocks", {"value": "203.0.113.12"}),
                 ("DELETE", "/blocks/%(id)s", None), ("POST", "/blocks/%(id)s/off", None),
                 "kim removed this block meanwhile.", ["state"]),
    "block again": (("POST", "/blocks", {"value": "203.0.113.13"}),
                    ("/blocks", {"value": "203.0.113.13"}),
                    ("POST", "/blocks/%(id)s/off", None), ("POST", "/blocks/%(id)s/on", None),
                    "kim switched off this block meanwhile.", ["state"]),
    "block confirm": (("POST", "/blocks", {"value": "198.18.8.0/21"}),
                      ("/blocks", {"value": "198.18.8.0/21"}),
                      ("POST", "/blocks/%(id)s/confirm", None),
                      ("POST", "/blocks/%(id)s/confirm", None),
                      "kim confirmed this block meanwhile.", ["state"]),
    "response": (None, ("/response", {"detector": "port_scan"}),
                 ("POST", "/response/port_scan", {"response": "block", "ttl": "10m"}),
                 ("POST", "/response/port_scan", {"response": "none"}),
                 "kim changed this policy meanwhile.", ["response", "ttl_s", "is_default"]),
}

GONE = {
    "safe": (("POST", "/safe", {"prefix": "203.0.113.77", "note": "mail"}),
             ("/safe", {"prefix": "203.0.113.77"}), "/safe/%(id)s",
             "kim removed this safe address meanwhile."),
    "token": (("POST", "/tokens", {"name": "script"}), ("/tokens", {"name": "script"}),
              "/tokens/%(id)s", "kim revoked this token meanwhile."),
    "feed": (("POST", "/feeds", {"name": "bad", "url": "http://127.0.0.1:9/bad.txt"}),
             ("/feeds", {"name": "bad"}), "/feeds/%(name)s",
             "kim removed this feed meanwhile."),
    "schedule": (("POST", "/reports/schedules", {"kind": "general", "every": "daily"}),
                 ("/reports/schedules", {"kind": "general"}), "/reports/schedules/%(id)s",
                 "kim removed this schedule meanwhile."),
    "expected": (("POST", "/expected", {"src": "192.0.2.9", "note": "the scanner"}),
                 ("/expected", {"src": "192.0.2.9"}), "/expected/%(id)s",
                 "kim removed this expectation meanwhile."),
}

# their own tests: incidents in test_guards.py, settings below, a feed's refresh with the feed
ELSEWHERE = {"/incidents/{id}/state", "/incidents/{id}/notes", "/incidents/{id}/expected",
             "/settings", "/feeds/{name}/refresh"}


def test_each_route_that_takes_if_match_is_tried_here(admin):
    paths = admin.do("GET", "/openapi.json")["paths"]
    routes = {path[len("/api/v1"):] for path, methods in paths.items()
              for operation in methods.values()
              if any(p["name"] == "If-Match" for p in operation["parameters"])}
    tried = {wish[1] for _, _, _, wish, _, _ in CHANGED.values()}
    tried |= {where for _, _, where, _ in GONE.values()}
    shape = re.compile(r"\{\w+\}|%\(\w+\)s|(?<=/users/)ada|(?<=/response/)port_scan")
    assert {shape.sub("*", r) for r in routes} == (
        {shape.sub("*", t) for t in tried} | {shape.sub("*", e) for e in ELSEWHERE})


@pytest.mark.parametrize("case", CHANGED)
def test_the_second_is_told_who_changed_what(admin, kim, case):
    made, (where, members), theirs, mine, words, changed = CHANGED[case]
    if made:
        admin.do(*made)
    seen = admin.item(where, **members)
    path = mine[1] % seen
    kim.do(theirs[0], theirs[1] % seen, theirs[2])
    status, _, answer = admin.ask(mine[0], path, mine[2], seen["etag"])
    error = answer["error"]
    assert (status, error["code"], error["field"]) == (412, "changed_meanwhile", "If-Match")
    assert error["message"].startswith(words) and error["who"] == "kim" and error["when"]
    assert error["changed"] == changed
    now = error["current"]
    assert [now[m] for m in changed] != [seen[m] for m in changed]
    assert now["etag"] == admin.item(where, **members)["etag"], "what was refused changed nothing"


@pytest.mark.parametrize("case", GONE)
def test_the_second_is_told_who_removed_it(admin, kim, case):
    made, (where, members), path, words = GONE[case]
    admin.do(*made)
    seen = admin.item(where, **members)
    kim.do("DELETE", path % seen)
    status, _, answer = admin.ask("DELETE", path % seen, None, seen["etag"])
    error = answer["error"]
    assert (status, error["message"], error["who"], error["current"]) == (412, words, "kim", None)
    assert admin.ask("DELETE", path % seen)[0] == 404, "without If-Match it is only not there"


def test_who_saw_what_is_there_goes_on(admin, kim):
    made = block(admin, "203.0.113.21")
    kim.do("GET", "/blocks/%d" % made["id"])
    status, headers, _ = admin.ask("GET", "/blocks/%d" % made["id"])
    assert status == 200 and headers["ETag"].startswith(made["etag"].rstrip('"') + "-")
    for seen in (made["etag"], "W/" + made["etag"], headers["ETag"], "*"):
        path = "/blocks/%d/" % made["id"]
        assert admin.ask("POST", path + "off", None, seen)[0] == 200, seen
        admin.do("POST", path + "on")
    for seen in ('"0123456789ab"', "nonsense", '""', '"%s"' % ("0" * 3000)):
        assert admin.ask("DELETE", "/blocks/%d" % made["id"], None, seen)[0] in (400, 412, 431)
    admin.do("DELETE", "/blocks/%d" % made["id"])


def test_hits_and_logins_are_no_change(admin, demo):
    before = admin.item("/users", name="admin")
    demo.log_in("admin", PASSWORD)
    after = admin.item("/users", name="admin")
    assert after["last_login"] != before["last_login"] and after["etag"] == before["etag"]


def test_settings_take_if_match_and_name_who_changed_which(admin, kim):
    _, headers, seen = admin.ask("GET", "/settings")
    kim.do("PUT", "/settings", {"changes": {"Block.confirm": "70s"}})
    wish = {"changes": {"Block.confirm": "80s"}}
    status, _, answer = admin.ask("PUT", "/settings", wish, headers["ETag"])
    assert (status, answer["error"]["code"]) == (412, "changed_meanwhile")
    assert answer["error"]["message"].startswith("kim changed Block.confirm meanwhile.")
    status, _, answer = admin.ask("PUT", "/settings", {**wish, "version": seen["version"]})
    assert (status, answer["error"]["who"]) == (409, "kim")
    headers = admin.ask("GET", "/settings")[1]
    assert admin.ask("PUT", "/settings", wish, headers["ETag"])[0] == 200
    admin.do("PUT", "/settings", {"changes": {"Block.confirm": None}})


# ---- two people before two screens ---------------------------------------------------------------

@pytest.fixture
def screens(chromium, demo, admin, kim):
    """Two browsers, each with its own session."""
    other = Browser(logs=False)
    for browser, who in (chromium, admin), (other, kim):
        name, value = who.cookie.split("=", 1)
        browser.driver.get(demo.url + "/login")
        browser.driver.add_cookie({"name": name, "value": value})
    yield chromium, other
    other.close()
    chromium.driver.get("about:blank")
    chromium.driver.delete_all_cookies()


def pick(browser, label):
    """A button by its spoken name."""
    browser.wait("document.querySelector('[aria-label=\"%s\"]') !== null" % label)
    browser.js("document.querySelector(arguments[0]).click()", '[aria-label="%s"]' % label)


def choose_role(browser, role):
    """The dialog of a role, filled in."""
    pick(browser, "Role…: ada")
    browser.fill("dialog [name=role]", role)


def test_two_admins_give_one_user_a_role(screens, demo, admin):
    admin.do("POST", "/users/ada/role", {"role": "viewer"})
    first, second = screens
    for browser, role in (first, "analyst"), (second, "admin"):
        browser.driver.get(demo.url + "/users")
        choose_role(browser, role)
    second.click("dialog button", "Change role")
    second.wait("document.querySelector('dialog') === null")
    first.click("dialog button", "Change role")
    first.wait_text("dialog .form-error", "kim changed the role of this user meanwhile")
    first.wait_text("dialog .meanwhile", "Role: viewer → admin")
    assert first.js("return document.querySelector('dialog [name=role]').value") == "analyst"
    first.wait_text(".table-users", "Admin")  # the list behind it knows, too
    assert admin.item("/users", name="ada")["role"] == "admin"
    first.click("dialog button", "Change role")  # read, and still wanted
    first.wait("document.querySelector('dialog') === null")
    assert admin.item("/users", name="ada")["role"] == "analyst"


def test_two_admins_change_settings(screens, demo, admin):
    first, second = screens
    for browser, wishes in ((first, {"Block.confirm": "50s", "Detect.alerts_per_day": "7"}),
                            (second, {"Block.confirm": "40s"})):
        browser.driver.get(demo.url + "/settings")
        for key, value in wishes.items():
            browser.fill("[data-key='%s'] input" % key, value)
        browser.click(".save-bar button", "Review")
        browser.wait_text("dialog .diff", "Block.confirm")
    second.click("dialog button", "Apply")
    second.wait("document.querySelector('dialog') === null")
    first.click("dialog button", "Apply")
    first.wait_text(".toast-error", "kim changed Block.confirm meanwhile")
    first.wait_text("[data-key='Block.confirm'] .meanwhile", "kim changed this meanwhile")
    for key, value in (("Block.confirm", "50s"), ("Detect.alerts_per_day", "7")):
        assert first.js("return document.querySelector(arguments[0]).value",
                        "[data-key='%s'] input" % key) == value
    first.click(".save-bar button", "Review")
    first.click("dialog button", "Apply")
    first.wait_text(".toast", "The settings are changed")
    items = {i["key"]: i for i in admin.do("GET", "/settings")["items"]}
    assert items["Block.confirm"]["stored"] == "50s"
    admin.do("PUT", "/settings", {"changes": {"Block.confirm": None,
                                              "Detect.alerts_per_day": None}})


# ---- the connection breaks in the middle of a form -----------------------------------------------

def test_a_form_outlives_a_lost_connection(screens, demo, admin):
    page = screens[0]
    page.driver.get(demo.url + "/blocks")
    page.fill(".form-block [name=value]", "203.0.113.88")
    page.fill(".form-block [name=reason]", "it scans us since Monday")
    with demo.away():
        page.click(".form-block button", "Block")
        page.wait_text(".form-block .form-error", "Sluice cannot be reached.")
        page.wait_text(".banner-lost", "lost")
        for name, value in (("value", "203.0.113.88"), ("reason", "it scans us since Monday")):
            assert page.js("return document.querySelector(arguments[0]).value",
                           ".form-block [name=%s]" % name) == value
    page.wait("!document.querySelector('.banner-lost')?.offsetParent", 30)
    page.click(".form-block button", "Block")
    page.wait_text(".table-blocks", "203.0.113.88")
    made = admin.item("/blocks", value="203.0.113.88")
    assert made["reason"] == "it scans us since Monday"
    admin.do("DELETE", "/blocks/%d" % made["id"])


def test_a_note_outlives_a_lost_connection(screens, demo, admin):
    page = screens[0]
    until(lambda: admin.do("GET", "/incidents")["items"], 30)
    path = "/incidents/%d" % admin.do("GET", "/incidents")["items"][-1]["id"]
    text = "Asked the owner at 3 a.m.: not theirs.\nSee the ticket."
    page.driver.get(demo.url + path)
    page.fill("textarea", text)
    with demo.away():
        page.click("button", "Add note")
        page.wait_text(".form-error", "Sluice cannot be reached.")
        assert page.js("return document.querySelector('textarea').value") == text
    page.wait("!document.querySelector('.banner-lost')?.offsetParent", 30)
    assert page.js("return document.querySelector('textarea').value") == text
    page.click("button", "Add note")
    page.wait_text(".note-text", "See the ticket.")
    assert admin.do("GET", path)["notes"][-1]["text"] == text
