"""Second factor, sessions, tokens and roles over the API and the command line of the real program."""

import base64
import hashlib
import hmac
import json
import struct
import time
import urllib.error
import urllib.request

import pytest

from program import BINARY, PASSWORD, Program

VERA = ("vera", "seven grey umbrellas")


@pytest.fixture(scope="module")
def demo():
    """One demo for the whole file, with its first password replaced."""
    if not BINARY.exists():
        pytest.fail("%s is not built" % BINARY)
    program = Program()
    program.claim()
    program.run("user", "add", VERA[0], "--role", "viewer", typed=VERA[1] + "\n")
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def admin(demo):
    """Cookie and CSRF token of an admin."""
    return demo.log_in("admin", PASSWORD)


def code_of(secret, drift=0):
    """RFC 6238, as an authenticator app has it."""
    counter = struct.pack(">Q", int(time.time()) // 30 + drift)
    mac = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 1000000)


def log_in(demo, code=None):
    """Vera's log-in; status and error code."""
    body = {"username": VERA[0], "password": VERA[1]}
    status, answer, _ = demo.call("POST", "/login", {**body, **({"code": code} if code else {})})
    return status, answer.get("error", {}).get("code")


def with_token(demo, token, method, path, body=None):
    """One request of a script; status and answer."""
    request = urllib.request.Request(
        demo.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": "Bearer " + token})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def test_a_second_factor_from_its_offer_to_its_end(demo, admin):
    vera = demo.log_in(*VERA)
    offer = demo.call("POST", "/totp", {}, *vera)[1]
    assert offer["uri"].startswith("otpauth://totp/Sluice:vera?secret=" + offer["secret"])
    assert demo.call("POST", "/totp/confirm", {"code": "000000"}, *vera)[0] == 422
    assert log_in(demo) == (200, None), "in force only with its first code"
    codes = demo.call("POST", "/totp/confirm", {"code": code_of(offer["secret"])}, *vera)[1][
        "recovery_codes"]
    assert len(set(codes)) == 10
    assert log_in(demo) == (401, "totp_required")
    assert log_in(demo, codes[0]) == (200, None)
    assert log_in(demo, codes[0]) == (401, "wrong_login")
    assert log_in(demo, code_of(offer["secret"], 1)) == (200, None)
    assert demo.call("GET", "/totp", cookie=vera[0])[1] == {
        "active": True, "offered": False, "recovery_codes_left": 9}
    users = demo.call("GET", "/users", cookie=admin[0])[1]["items"]
    assert {u["name"]: u["totp"] for u in users} == {"admin": False, "vera": True}
    assert demo.call("POST", "/totp/off", {"code": codes[1]}, *vera)[0] == 204
    assert log_in(demo) == (200, None)


def test_an_admin_ends_the_factor_of_a_lost_phone(demo, admin):
    given = demo.call("POST", "/users/vera/totp", {"on": True}, *admin)[1]
    assert len(given["recovery_codes"]) == 10 and log_in(demo) == (401, "totp_required")
    assert log_in(demo, code_of(given["secret"])) == (200, None)
    demo.run("user", "totp", "vera", "off")
    assert log_in(demo) == (200, None)
    assert demo.call("POST", "/users/nobody/totp", {"on": True}, *admin)[0] == 404


def test_sessions_are_listed_and_ended(demo, admin):
    first, second = demo.log_in(*VERA), demo.log_in(*VERA)
    mine = demo.call("GET", "/sessions", cookie=first[0])[1]["items"]
    assert {s["user"] for s in mine} == {"vera"} and sum(s["current"] for s in mine) == 1
    assert demo.call("GET", "/sessions?all=1", cookie=first[0])[0] == 403
    assert demo.call("DELETE", "/sessions", None, *first)[1]["ended"] == len(mine) - 1
    assert demo.call("GET", "/status", cookie=second[0])[0] == 401
    admins = [s for s in demo.call("GET", "/sessions?all=1", cookie=admin[0])[1]["items"]
              if s["user"] == "admin"]
    assert demo.call("DELETE", "/sessions/" + admins[0]["id"], None, *first)[0] == 404
    ours = demo.call("GET", "/sessions", cookie=first[0])[1]["items"][0]["id"]
    assert demo.call("DELETE", "/sessions/" + ours, None, *admin)[0] == 204
    assert demo.call("GET", "/status", cookie=first[0])[0] == 401


def test_a_token_does_what_its_role_and_scopes_say_and_no_more(demo, admin):
    status, made, _ = demo.call(
        "POST", "/tokens", {"name": "ci", "role": "admin", "scopes": ["read", "blocks"]}, *admin)
    token = made["token"]
    assert status == 201 and made["scopes"] == ["read", "blocks"] and made["expires"]
    assert with_token(demo, token, "GET", "/api/v1/status")[0] == 200
    status, block = with_token(demo, token, "POST", "/api/v1/blocks", {"value": "203.0.113.77"})
    assert status == 201 and block["author"] == "token:ci"
    assert with_token(demo, token, "POST", "/api/v1/panic", {"on": True})[1]["error"][
        "code"] == "scope"
    for method, path in (("POST", "/api/v1/tokens"), ("GET", "/api/v1/tokens"),
                         ("POST", "/api/v1/password"), ("GET", "/api/v1/sessions")):
        assert with_token(demo, token, method, path, {} if method == "POST" else None)[0] == 403
    assert token not in str(demo.call("GET", "/tokens", cookie=admin[0])[1])
    # a cookie beside a wrong token does not help
    assert with_token(demo, token[:-1] + ("A" if token[-1] != "A" else "B"), "GET",
                      "/api/v1/status")[0] == 401
    demo.run("token", "revoke", "ci")
    assert with_token(demo, token, "GET", "/api/v1/status")[0] == 401


def test_the_command_line_makes_tokens_that_end(demo):
    token = demo.run("token", "create", "cli", "--scopes", "read", "--ttl", "1h").strip()
    assert with_token(demo, token, "GET", "/api/v1/coverage")[0] == 200
    assert with_token(demo, token, "GET", "/api/v1/users")[0] == 403, "a viewer"
    listed = json.loads(demo.run("token", "list", "-o", "json"))["items"]
    assert [(t["name"], t["role"], bool(t["expires"])) for t in listed] == [("cli", "viewer", True)]


def test_a_new_role_counts_at_once_and_the_last_admin_keeps_theirs(demo, admin):
    vera = demo.log_in(*VERA)
    assert demo.call("GET", "/users", cookie=vera[0])[0] == 403
    assert demo.call("POST", "/users/vera/role", {"role": "admin"}, *admin)[1]["role"] == "admin"
    assert demo.call("GET", "/users", cookie=vera[0])[0] == 200
    demo.run("user", "role", "vera", "viewer")
    assert demo.call("GET", "/users", cookie=vera[0])[0] == 403
    status, body, _ = demo.call("POST", "/users/admin/role", {"role": "viewer"}, *admin)
    assert (status, body["error"]["code"]) == (409, "last_admin")
    assert demo.call("POST", "/users/vera/role", {"role": "king"}, *admin)[1]["error"][
        "field"] == "role"
