"""The mock's calls behind the pages of an account and of admins: settings, users, audit, reports."""

import time

import mock_data as data
import mock_more as more
import mock_state as base

SETTINGS = [
    ("General.log_level", "enum", "INFO", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"], "",
     "how much is logged", False, None),
    ("API.virustotal_key", "secret", None, "", None, "", "VirusTotal API key", False, None),
    ("Capture.interfaces", "list", "eth0", "auto", None, "",
     "interfaces to watch, comma separated; auto follows every default route", True, None),
    ("Web.tls", "enum", "auto", "auto", ["auto", "on", "off"], "",
     "auto: on off loopback, off on it", True, "Without TLS passwords cross the network."),
    ("Web.listen", "text", "127.0.0.1:5000", "127.0.0.1:5000", None, "",
     "address and port of the web side", True, None),
    ("Store.flows_max_bytes", "size", "2GiB", "2GiB", None, "bytes",
     "most bytes the flow history may take", True, None),
    ("Block.confirm", "duration", "60s", "60s", None, "",
     "time a wide block has to be confirmed in", False, None),
    ("Block.confirm_entries", "int", "10000", "10000", None, "entries",
     "a list that gains more than this has to be confirmed", False, None),
    ("Capture.promisc", "bool", "no", "no", None, "", "promiscuous mode, for mirror ports", True,
     None)]


def settings_of(state):
    """Every option as the API shows it."""
    rows = []
    for n, (key, kind, value, default, words, unit, text, restart, risk) in enumerate(SETTINGS):
        section, name = key.split(".")
        stored = state.stored.get(key)
        rows.append({
            "id": n, "key": key, "section": section, "name": name, "type": kind,
            "value": stored if stored is not None else value, "has_value": kind == "secret",
            "stored": stored, "is_stored": stored is not None, "default": default,
            "min": 0 if kind == "int" else None, "max": 1048576 if kind == "int" else None,
            "words": words, "unit": unit, "help": text, "restart": restart, "risk": risk,
            "source": "page" if stored is not None else "command line" if key == "Web.listen"
                      else "default", "settable": key != "Web.listen", "waiting": False})
    return rows


def get_settings(state, _query, _body):
    """All options."""
    return 200, {"items": settings_of(state), "next": None, "version": len(state.stored)}


def put_settings(state, _query, body):
    """A difference, or the change."""
    rows = {r["key"]: r for r in settings_of(state)}
    changes = []
    for key, value in body["changes"].items():
        if rows[key]["type"] == "int" and value is not None and not str(value).isdigit():
            raise base.Refused(422, "invalid", "%s is a number." % key, key)
        changes.append({"key": key, "from": rows[key]["value"], "to": value or
                        rows[key]["default"], "secret": rows[key]["type"] == "secret",
                        "restart": rows[key]["restart"], "risk": rows[key]["risk"]})
    if not body.get("dry_run"):
        for key, value in body["changes"].items():
            state.stored.pop(key, None)
            if value is not None:
                state.stored[key] = value
    return 200, {"changes": changes, "applied": not body.get("dry_run"),
                 "version": len(state.stored)}


def get_users(state, _query, _body):
    """Everybody."""
    return 200, {"items": state.users, "next": None}


def post_user(state, _query, body):
    """Somebody new."""
    if any(u["name"] == body["name"] for u in state.users):
        raise base.Refused(409, "exists", "There is a user of this name.", "name")
    state.users.append(data.make_user(len(state.users) + 1, body["name"], body["role"],
                                      email=body.get("email") or None, must_change=True))
    return 201, state.users[-1]


def post_user_part(state, _query, body, name, part):
    """A password, a role, disabled, the second factor."""
    user = next((u for u in state.users if u["name"] == name), None)
    if not user:
        raise base.Refused(404, "not_found", "There is no such user.")
    if part == "role":
        user["role"] = body["role"]
    elif part == "disabled":
        user["disabled"] = body["disabled"]
    elif part == "totp":
        user["totp"] = body["on"]
    else:
        user["must_change"] = True
    return 200, user


def get_audit(state, query, _body):
    """The log."""
    rows = [r for r in state.audit if r["action"].startswith(query.get("action", ""))
            and query.get("who", "") in r["who"]]
    return 200, {"items": rows, "next": None}


def get_audit_check(state, _query, _body):
    """Whole."""
    return 200, {"ok": True, "rows": len(state.audit), "head": 41, "head_hash": "ab" * 16,
                 "problems_found": 0, "problems": []}


def get_backups(state, _query, _body):
    """What there is."""
    now = time.time()
    items = [{"name": "sluice-20261129.backup", "time": data.iso(now - 86400), "bytes": 8_412_003}]
    return 200, {"items": items, "next": None, "dir": "/var/lib/sluice/backups",
                 "running": state.backing_up, "made": 1, "failed": 0, "error": None,
                 "next_backup_s": 40_000}


def post_backup(state, query, body):
    """One begins."""
    return 202, get_backups(state, query, body)[1]


def get_vault(_state, _query, _body):
    """Keys."""
    return 200, {"key_id": "7f3a91c2", "keys": [{"id": "7f3a91c2",
                                                 "created": data.iso(time.time() - 900_000)}],
                 "recovery_key": None, "rotating": False, "resealed": 0, "left": 0, "damaged": 0,
                 "error": None}


def get_totp(state, _query, _body):
    """Own second factor."""
    return 200, {"active": state.totp, "offered": False, "recovery_codes_left": 10}


def post_totp(_state, _query, _body):
    """A secret is offered."""
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    return 200, {"secret": secret, "uri": "otpauth://totp/Sluice:admin?secret=%s&issuer=Sluice"
                                          % secret}


def post_totp_step(state, _query, body, step):
    """A code proves it."""
    if body.get("code") != "123456":
        raise base.Refused(422, "wrong_code", "That code is wrong.", "code")
    state.totp = step != "off"
    codes = ["%04d-aaaa-bbbb-cccc" % n for n in range(10)]
    return (204, None) if step == "off" else (200, {"recovery_codes": codes})


def get_sessions(_state, _query, _body):
    """Where one is logged in."""
    now = time.time()
    return 200, {"items": [
        {"id": "%016x" % n, "user": "admin", "peer": peer, "created": data.iso(now - n * 9000),
         "last_seen": data.iso(now - n * 700), "current": n == 0}
        for n, peer in enumerate(("127.0.0.1", "192.168.10.40", "fd12:3456:789a::40"))],
                 "next": None}


def delete_sessions(_state, _query, _body):
    """All others end."""
    return 200, {"ended": 2}


def get_tokens(state, _query, _body):
    """For scripts."""
    return 200, {"items": state.tokens, "next": None}


def post_token(state, _query, body):
    """A new one."""
    token = {"id": len(state.tokens) + 1, "name": body["name"], "role": body["role"],
             "scopes": body["scopes"], "author": "admin", "created": data.iso(time.time()),
             "expires": None, "last_used": None}
    state.tokens.append(token)
    return 201, {**token, "token": "slt_" + "x" * 43}


def delete_token(state, _query, _body, row_id):
    """Revoked."""
    state.tokens.remove(more.find(state.tokens, row_id))
    return 204, None


def get_reports(state, _query, _body):
    """What was made; one is a step further each time."""
    for report in state.reports:
        if report["state"] == "making":
            report["progress"] = min(100, report["progress"] + 50)
            report["state"] = "done" if report["progress"] == 100 else "making"
    return 200, {"items": state.reports, "next": None}


def post_report(state, _query, body):
    """One begins."""
    report = data.make_report(len(state.reports) + 1, body["kind"], "making", **{
        key: body[key] for key in ("from", "to", "format")})
    state.reports.insert(0, report)
    return 202, report


def delete_report(state, _query, _body, row_id):
    """Gone."""
    state.reports.remove(more.find(state.reports, row_id))
    return 204, None


def get_schedules(state, _query, _body):
    """Made by themselves."""
    return 200, {"items": state.schedules, "next": None}


def post_schedule(state, _query, body):
    """A new one."""
    state.schedules.append({"id": len(state.schedules) + 1, "title": "General overview",
                            "last_due": None, "next_due": data.iso(time.time() + 90_000),
                            "author": "admin", "created": data.iso(time.time()), **body})
    return 201, state.schedules[-1]


def delete_schedule(state, _query, _body, row_id):
    """Gone."""
    state.schedules.remove(more.find(state.schedules, row_id))
    return 204, None


def get_openapi(_state, _query, _body):
    """A document of two routes."""
    return 200, {"openapi": "3.0.3", "paths": {
        "/api/v1/status": {"get": {"summary": "What runs how.", "x-role": "viewer"}},
        "/api/v1/blocks": {"get": {"summary": "The blocks.", "x-role": "viewer"},
                           "post": {"summary": "A new block.", "x-role": "admin"}}}}


def get_store(_state, _query, _body):
    """The history's budget."""
    return 200, {"db_bytes": 12_345_678, "rows_lost": 0, "flows": {
        "max_bytes": 2_147_483_648, "max_age_s": 2_592_000, "used_bytes": 420_000_000,
        "file_bytes": 430_000_000, "records": 7_512_004, "oldest": data.iso(time.time() - 900_000),
        "bytes_per_day": 41_000_000, "holds_s": 2_592_000}}


def get_feeds(state, _query, _body):
    """Lists of others."""
    for feed in state.feeds:
        feed["fetching"] = False
        feed["state"] = "ok" if feed["state"] == "new" else feed["state"]
    return 200, {"items": state.feeds, "next": None}


def get_offered(_state, _query, _body):
    """Known ones."""
    return 200, {"items": [{"name": "drop", "url": "https://feeds.example/drop.txt",
                            "what": "hijacked networks", "licence": "free"}], "next": None}


def post_feed(state, _query, body):
    """A new one."""
    now = data.iso(time.time())
    state.feeds.append({"id": len(state.feeds) + 1, "state": "new", "fetching": True,
                        "entries": 812, "refused": 3, "author": "admin", "created": now,
                        "checked": now, "changed": now, "error": None,
                        "expires": data.iso(time.time() + 7 * 86400) if body.get("lifetime") else None,
                        **body})
    return 201, state.feeds[-1]


def refresh_feed(state, _query, body, name):
    """Fetched again; with accept what was held is taken."""
    feed = next(f for f in state.feeds if f["name"] == name)
    feed["state"] = "ok" if body.get("accept") else feed["state"]
    return 202, feed


def delete_feed(state, _query, _body, name):
    """Gone."""
    state.feeds[:] = [f for f in state.feeds if f["name"] != name]
    return 204, None


def mail_item(state):
    """Each test that was asked for was refused by the time it is looked at."""
    tests = sum(path == "/mail/test" for _method, path, _body, _csrf in state.requests)
    return {"name": "mail", "state": "down" if tests else "up", "sent": 4, "dropped": 0,
            "failures": tests, "waiting": 0,
            "error": "The server refused the message (550)." if tests else None}


def post_mail_test(state, _query, _body):
    """A mail, as it stood before."""
    return 202, mail_item(state) | {"failures": 0}


def get_outputs(state, _query, _body):
    """Where events go."""
    return 200, {"configured": True, "dropped": 0, "next": None, "items": [
        {"name": "syslog", "state": "down", "sent": 812, "dropped": 3, "failures": 2,
         "error": "Connection refused"},
        {"name": "eve_file", "state": "up", "sent": 90_412, "dropped": 0, "failures": 0,
         "error": None}, mail_item(state)]}


ROUTES = [
    ("GET", r"/store", "viewer", get_store),
    ("GET", r"/feeds", "viewer", get_feeds), ("GET", r"/feeds/offered", "viewer", get_offered),
    ("POST", r"/feeds", "admin", post_feed), ("DELETE", r"/feeds/([\w-]+)", "admin", delete_feed),
    ("POST", r"/feeds/([\w-]+)/refresh", "admin", refresh_feed),
    ("GET", r"/outputs", "viewer", get_outputs),
    ("POST", r"/mail/test", "admin", post_mail_test),
    ("GET", r"/settings", "admin", get_settings), ("PUT", r"/settings", "admin", put_settings),
    ("GET", r"/users", "admin", get_users), ("POST", r"/users", "admin", post_user),
    ("POST", r"/users/([^/]+)/(password|role|disabled|totp)", "admin", post_user_part),
    ("GET", r"/audit", "admin", get_audit), ("GET", r"/audit/check", "admin", get_audit_check),
    ("GET", r"/backups", "admin", get_backups), ("POST", r"/backups", "admin", post_backup),
    ("GET", r"/vault", "admin", get_vault), ("POST", r"/vault/rotate", "admin", get_vault),
    ("GET", r"/totp", "any", get_totp), ("POST", r"/totp", "any", post_totp),
    ("POST", r"/totp/(confirm|codes|off)", "any", post_totp_step),
    ("GET", r"/sessions", "any", get_sessions), ("DELETE", r"/sessions", "any", delete_sessions),
    ("GET", r"/tokens", "admin", get_tokens), ("POST", r"/tokens", "admin", post_token),
    ("DELETE", r"/tokens/(\d+)", "admin", delete_token),
    ("GET", r"/reports", "viewer", get_reports), ("POST", r"/reports", "analyst", post_report),
    ("DELETE", r"/reports/(\d+)", "analyst", delete_report),
    ("GET", r"/reports/schedules", "viewer", get_schedules),
    ("POST", r"/reports/schedules", "analyst", post_schedule),
    ("DELETE", r"/reports/schedules/(\d+)", "analyst", delete_schedule),
    ("GET", r"/openapi.json", "viewer", get_openapi),
]
