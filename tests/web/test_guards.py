"""Every route of the table x everything that keeps a request from its handler, on one service."""

import gzip
import http.client
import json
import re
import resource
import socket
import time
from urllib.parse import urlsplit

import pytest

from program import BINARY, PASSWORD, ROOT, Program, until

VERA = ("vera", "seven grey umbrellas")
BODY_MAX = 64 << 10
METHODS = ("GET", "POST", "PUT", "DELETE")
ROW = re.compile(r'ROUTE\("(\w+)",\s*"([^"]+)",\s*ROLE_(\w+),\s*([\w\s|]+?),\s*\w+\)')
# one that is there for any '*': no number, name, address or code is the first of all
PART = "1"


def table():
    """(method, path, role, flags) of each row of the one route table."""
    text = (ROOT / "agent/api/routes.def").read_text(encoding="utf-8")
    rows = [(m, p.replace("*", PART), role, set(re.findall(r"ROUTE_\w+", flags)))
            for m, p, role, flags in ROW.findall(text)]
    assert len(rows) == len(re.findall(r"^ROUTE\(", text, re.M)) > 60
    return rows


ROUTES = table()
CHANGES = [row for row in ROUTES if row[0] != "GET"]


def methods_of(path):
    """Of all rows that take this path: /blocks/test is also one of /blocks/*."""
    text = (ROOT / "agent/api/routes.def").read_text(encoding="utf-8")
    return {m for m, p, _, _ in ROW.findall(text)
            if re.fullmatch(re.escape(p).replace(r"\*", "[^/]+"), path)}


def is_form(row):
    """One of the original's forms and pages."""
    return "ROUTE_FORM" in row[3]


class Client:
    """One kept connection; who asks is said with each request."""

    def __init__(self, url):
        self.netloc = urlsplit(url).netloc
        self.connection = http.client.HTTPConnection(self.netloc, timeout=15)

    def ask(self, method, path, who=None, csrf=None, body=b"{}", kind="application/json", **more):
        """Status, headers, body as JSON if it is; @who: (cookie, csrf); @more: other headers."""
        headers = {"Cookie": who[0], "X-CSRF-Token": who[1] if csrf is None else csrf} if who else {}
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        if method != "GET":
            headers["Content-Type"] = kind
        try:
            self.connection.request(method, path, b"" if method == "GET" else body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, ConnectionError):
            self.connection.close()
            raise
        if answer.getheader("Connection") == "close":
            self.connection.close()
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        return answer.status, answer.headers, data


@pytest.fixture(scope="module")
def demo():
    """One demo for the whole file, with its first password replaced, and a viewer."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    program.run("user", "add", VERA[0], "--role", "viewer", typed=VERA[1] + "\n")
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def client(demo):
    """The connection of all tests."""
    return Client(demo.url)


@pytest.fixture(scope="module")
def admin(demo):
    """Cookie and token of an admin."""
    return demo.log_in("admin", PASSWORD)


@pytest.fixture(scope="module")
def viewer(demo):
    """Cookie and token of a viewer."""
    return demo.log_in(*VERA)


@pytest.fixture(scope="module")
def expired(demo):
    """Cookie and token of a session that is over."""
    session = demo.log_in(*VERA)
    assert demo.call("POST", "/logout", {}, *session)[0] == 204
    return session


def assert_error(row, answer, status, code=None):
    """The one shape of errors, with the request's id."""
    got, headers, data = answer
    assert got == status, (row, got, data)
    error = data["error"]
    assert error["message"] and set(error) == {"code", "message", "field", "request_id"}, row
    assert error["request_id"] == headers["X-Request-Id"], row
    assert code in (None, error["code"]), (row, error)


def test_without_a_session_nothing_but_the_public_routes(client):
    for row in ROUTES:
        if "ROUTE_PUBLIC" in row[3]:
            continue
        answer = client.ask(row[0], row[1])
        if is_form(row):
            assert answer[0] == 303 and answer[1]["Location"].startswith("/login"), row
        else:
            assert_error(row, answer, 401, "login_required")


def test_an_ended_session_is_none(client, expired):
    for row in ROUTES:
        if "ROUTE_PUBLIC" not in row[3] and not is_form(row):
            assert_error(row, client.ask(row[0], row[1], expired), 401, "login_required")


def test_a_viewer_gets_nothing_of_analysts_and_admins(client, viewer):
    checked = 0
    for row in ROUTES:
        if row[2] not in ("ANALYST", "ADMIN"):
            continue
        checked += 1
        answer = client.ask(row[0], row[1], viewer,
                            body=b"csrf=" + viewer[1].encode() if is_form(row) else b"{}",
                            kind="application/x-www-form-urlencoded" if is_form(row)
                            else "application/json")
        if is_form(row):
            assert (answer[0], answer[1]["Location"]) == (303, "/dashboard?refused=1"), row
        else:
            assert_error(row, answer, 403, "forbidden")
    assert checked > 30


def test_another_user_s_token_or_none_changes_nothing(client, admin, viewer):
    for row in CHANGES:
        if "ROUTE_NO_CSRF" in row[3] or "ROUTE_PUBLIC" in row[3]:
            continue
        for token in (viewer[1], "", "x" * 43):
            assert_error(row, client.ask(row[0], row[1], admin, token), 403, "csrf")


def test_other_methods_are_named_as_not_allowed(client, admin):
    for path in {row[1] for row in ROUTES if row[1].startswith("/api/")}:
        there = methods_of(path)
        for method in set(METHODS) - there:
            status, headers, data = client.ask(method, path, admin)
            assert status == 405, (method, path, status, data)
            assert there <= set(headers["Allow"].replace(" ", "").split(",")), path
        assert client.ask("PATCH", path, admin)[0] == 405


def test_bodies_that_are_no_json_are_not_read(client, admin):
    for row in CHANGES:
        if not is_form(row):
            assert_error(row, client.ask(row[0], row[1], admin, body=b"a=b", kind="text/plain"),
                         415)
            assert_error(row, client.ask(row[0], row[1], admin, body=b"a=b",
                                         kind="application/x-www-form-urlencoded"), 415)


def test_a_byte_too_many_is_refused_before_it_is_read(client, admin):
    for row in CHANGES:
        kind = "application/x-www-form-urlencoded" if is_form(row) else "application/json"
        assert_error(row, client.ask(row[0], row[1], admin, body=b" " * (BODY_MAX + 1), kind=kind),
                     413)


@pytest.mark.parametrize("twist", ["%s%%00", "%s/..", "/%s", "%s/../../etc/passwd", "%s//x",
                                   "%s%%2f..", "%s\\"])
def test_ambiguous_paths_reach_no_handler(client, admin, twist):
    for row in ROUTES:
        assert_error(row, client.ask(row[0], twist % row[1], admin), 400)


# ---- asked twice ---------------------------------------------------------------------------------

def test_an_unchanged_answer_is_not_sent_again(client, admin):
    status, headers, body = client.ask("GET", "/api/v1/safe", admin)
    assert status == 200 and body["items"]
    again = client.ask("GET", "/api/v1/safe", admin, If_None_Match=headers["ETag"])
    assert (again[0], again[2], again[1]["ETag"]) == (304, None, headers["ETag"])
    assert client.ask("GET", "/api/v1/safe", admin, If_None_Match='"other"')[2] == body
    assert client.ask("GET", "/api/v1/safe", If_None_Match=headers["ETag"])[0] == 401


def test_long_answers_are_compressed_and_known_again_but_none_with_a_secret(client, admin):
    path, plain = "/api/v1/settings", client.ask("GET", "/api/v1/settings", admin)
    with_gzip = {"Accept_Encoding": "gzip"}
    client.connection.request("GET", path, headers={"Cookie": admin[0], "Accept-Encoding": "gzip"})
    answer = client.connection.getresponse()
    body = answer.read()
    assert answer.getheader("Content-Encoding") == "gzip" and "Accept-Encoding" in \
        answer.getheader("Vary")
    assert json.loads(gzip.decompress(body)) == plain[2]
    assert len(body) < len(json.dumps(plain[2])) / 3
    tag = answer.getheader("ETag")
    if tag:
        assert client.ask("GET", path, admin, If_None_Match=tag, **with_gzip)[0] == 304
    session = client.ask("GET", "/api/v1/session", admin, **with_gzip)
    assert session[1]["Content-Encoding"] is None and session[2]["csrf"]


def test_logging_in_again_ends_the_session_of_the_same_browser(client, demo):
    first = demo.log_in(*VERA)
    status, headers, _ = client.ask("POST", "/api/v1/login", first, body=json.dumps(
        {"username": VERA[0], "password": VERA[1]}).encode())
    assert status == 200
    second = (headers["Set-Cookie"].split(";")[0], "")
    assert client.ask("GET", "/api/v1/status", first)[0] == 401
    assert client.ask("GET", "/api/v1/status", second)[0] == 200


def test_the_key_is_not_changed_over_and_over(client, admin):
    assert client.ask("POST", "/api/v1/vault/rotate", admin)[0] == 202
    until(lambda: not client.ask("GET", "/api/v1/vault", admin)[2]["rotating"])
    status, headers, body = client.ask("POST", "/api/v1/vault/rotate", admin)
    assert (status, body["error"]["code"]) == (429, "throttled")
    assert 0 < int(headers["Retry-After"]) <= 600


def test_a_change_with_a_key_happens_once(client, admin, viewer):
    body = json.dumps({"value": "203.0.113.90"}).encode()
    first = client.ask("POST", "/api/v1/blocks", admin, body=body, Idempotency_Key="k1")
    again = client.ask("POST", "/api/v1/blocks", admin, body=body, Idempotency_Key="k1")
    assert first[0] == again[0] == 201 and first[2] == again[2]
    assert client.ask("POST", "/api/v1/blocks", admin, body=body)[0] == 409, "one block is there"
    other = json.dumps({"value": "203.0.113.91"}).encode()
    assert_error("k1", client.ask("POST", "/api/v1/blocks", admin, body=other,
                                  Idempotency_Key="k1"), 422, "key_used")
    assert_error("k1", client.ask("POST", "/api/v1/blocks", viewer, body=body,
                                  Idempotency_Key="k1"), 403)
    assert_error("long", client.ask("POST", "/api/v1/blocks", admin, body=other,
                                    Idempotency_Key="k" * 65), 422, "invalid")
    # refusals are answers, too
    wrong = json.dumps({"value": "192.0.2.0/99"}).encode()
    twice = [client.ask("POST", "/api/v1/blocks", admin, body=wrong, Idempotency_Key="k2")
             for _ in range(2)]
    assert twice[0][0] == twice[1][0] == 422 and twice[0][2] == twice[1][2]


def test_the_second_of_two_people_is_told(client, admin):
    rows = []
    while not rows:  # the demo opens one within its first seconds
        rows = client.ask("GET", "/api/v1/incidents", admin)[2]["items"]
    path = "/api/v1/incidents/%d" % rows[0]["id"]
    tag = client.ask("GET", path, admin)[1]["ETag"]
    note = json.dumps({"text": "mine"}).encode()
    assert client.ask("POST", path + "/notes", admin, body=note, If_Match=tag)[0] == 200
    for way, body in (("/notes", note), ("/state", b'{"state":"resolved"}'), ("/expected", b"{}")):
        assert_error(way, client.ask("POST", path + way, admin, body=body, If_Match=tag),
                     412, "changed_meanwhile")
    for other in ('"0123456789abcdef"', "W/" + tag, "nonsense"):
        assert client.ask("POST", path + "/notes", admin, body=note, If_Match=other)[0] == 412
    assert client.ask("POST", path + "/notes", admin, body=note, If_Match="*")[0] == 200
    tag = client.ask("GET", path, admin)[1]["ETag"]
    assert client.ask("POST", path + "/state", admin, body=b'{"state":"acknowledged"}',
                      If_Match=tag)[0] == 200


def test_a_secret_is_not_kept_for_who_asks_again(client, admin):
    body = json.dumps({"name": "once"}).encode()
    assert client.ask("POST", "/api/v1/tokens", admin, body=body, Idempotency_Key="k3")[0] == 201
    assert_error("k3", client.ask("POST", "/api/v1/tokens", admin, body=body,
                                  Idempotency_Key="k3"), 409, "exists")


def test_a_live_answer_is_given_again_but_to_nobody_else_and_not_after_the_end(client, demo, admin):
    session = demo.log_in(*VERA)
    first = client.ask("GET", "/api/v1/status", session)
    again = [client.ask("GET", "/api/v1/status", session) for _ in range(5)]
    assert first[0] == 200 and any(a[2] == first[2] for a in again)
    assert client.ask("GET", "/api/v1/status", session,
                      If_None_Match=again[-1][1]["ETag"])[0] in (200, 304)
    assert client.ask("GET", "/api/v1/status")[0] == 401
    mine = client.ask("GET", "/api/v1/sessions", session)[2]["items"]
    ours = next(s["id"] for s in mine if s["current"])
    assert client.ask("GET", "/api/v1/status", session)[0] == 200
    assert client.ask("DELETE", "/api/v1/sessions/" + ours, admin)[0] == 204
    assert_error("ended", client.ask("GET", "/api/v1/status", session), 401)


def flood(netloc, wanted):
    """Idle connections, as many of the wanted as this process may hold."""
    host, port = netloc.split(":")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    number = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - 256)
    return [socket.create_connection((host, int(port)), 10) for _ in range(number)]


def test_a_thousand_idle_connections_keep_nobody_out(client, admin):
    idle = flood(client.netloc, 1500)
    try:
        other = Client("http://" + client.netloc)
        assert other.ask("GET", "/api/v1/status", admin)[0] == 200
        other.connection.close()
    finally:
        for one in idle:
            one.close()


def test_the_command_line_works_while_the_web_side_is_flooded(client, demo):
    idle = flood(client.netloc, 10300)  # more than there may be (http.c)
    try:
        began = time.monotonic()
        assert "running" in demo.run("status")
        assert json.loads(demo.run("block", "add", "203.0.113.200", "-o", "json"))["id"]
        assert time.monotonic() - began < 5
    finally:
        for one in idle:
            one.close()


def test_a_token_that_reads_changes_nothing_and_is_no_person(client, admin):
    body = json.dumps({"name": "reader", "role": "admin", "scopes": ["read"]}).encode()
    token = client.ask("POST", "/api/v1/tokens", admin, body=body)[2]["token"]
    for row in ROUTES:
        if "ROUTE_PUBLIC" in row[3] or row[1] == "/api/v1/hunt":
            continue
        if row[0] == "GET" and not row[3] & {"ROUTE_NO_TOKEN", "ROUTE_FORM"}:
            continue
        assert_error(row, client.ask(row[0], row[1], Authorization="Bearer " + token), 403)
    assert client.ask("GET", "/api/v1/status", Authorization="Bearer " + token)[0] == 200
    assert client.ask("GET", "/api/v1/users", Authorization="bearer " + token)[0] == 200


def test_a_token_of_an_admin_makes_itself_no_person(client, admin):
    body = json.dumps({"name": "keeper", "role": "admin", "scopes": ["all"]}).encode()
    token = client.ask("POST", "/api/v1/tokens", admin, body=body)[2]["token"]
    assert client.ask("GET", "/api/v1/users", Authorization="Bearer " + token)[0] == 200
    for path in ("", "/admin/password", "/admin/role", "/admin/totp"):
        answer = client.ask("POST", "/api/v1/users" + path, Authorization="Bearer " + token)
        assert_error(path, answer, 403, "forbidden")
