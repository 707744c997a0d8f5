"""The mock's route table: method, path, role, handler; shapes of docs/api.md."""

import ipaddress
import re
import time

import mock_admin as admin
import mock_data as data
import mock_more as more
import mock_state as base


def get_session(state, _query, _body):
    """Who is logged in; always answered."""
    return 200, {"user": state.user, "csrf": "mock-csrf", "needs_setup": state.needs_setup,
                 "setup_allowed": True, "mode": state.mode, "version": "0.1.0",
                 "demo_login": state.mode == "demo" and not state.needs_setup}


def post_login(state, _query, body):
    """admin/admin must change; admin/secret-secret is fine; the rest is wrong."""
    if body.get("password") == "second-factor" and body.get("code") != "123456":
        raise base.Refused(401, "totp_required", "A code is needed, too.", "code")
    if body.get("password") not in ("admin", "secret-secret", "second-factor"):
        raise base.Refused(401, "wrong_login", "User name or password is wrong.")
    must = body["password"] == "admin"
    state.user = {"name": body["username"], "role": "admin", "must_change": must}
    return 200, {"user": state.user, "csrf": "mock-csrf"}


def post_setup(state, _query, body):
    """The one-time link."""
    if body.get("token") != "mock-token":
        raise base.Refused(401, "wrong_token", "This link is used up or wrong.")
    if body.get("password") == "password1234":
        raise base.Refused(422, "weak_password", "Too weak: among the first tried.", "password")
    state.needs_setup = False
    state.user = {"name": body["username"], "role": "admin", "must_change": False}
    return 200, {"user": state.user, "csrf": "mock-csrf"}


def post_password(state, _query, body):
    """Own password."""
    if not body.get("old") or body["old"] == "wrong":
        raise base.Refused(401, "wrong_login", "The current password is wrong.", "old")
    state.user["must_change"] = False
    return 200, {"user": state.user, "csrf": "mock-csrf"}


def post_logout(state, _query, _body):
    """End."""
    state.user = None
    return 204, None


def get_status(state, _query, _body):
    """Status."""
    return 200, {"status": "running", "mode": state.mode, "version": "0.1.0",
                 "uptime_s": int(time.time() - state.started), "started": data.iso(state.started),
                 "processed_packets": 81_234_567, "enforcement": state.enforcement,
                 "ifaces": state.ifaces, "db_bytes": 12_345_678, "rows_lost": 0}


def get_coverage(state, _query, _body):
    """Seen and counted, per interface and direction."""
    rows = []
    for direction, seen in (("ingress", 52_801_220), ("egress", 28_433_347)):
        not_flow = {"short": 0, "vlan_depth": 0, "arp": 3120, "not_ip": 488, "ipv4_header": 0,
                    "ipv6_header": 0, "ipv6_extension": 2, "forwarded": 0}
        dropped = 48_126 if direction == "ingress" else 0
        rows.append({**state.ifaces[0], "direction": direction, "seen": seen,
                     "in_flows": seen - dropped - 3610, "dropped": dropped, "not_flow": not_flow,
                     "unattributed": 0, "bytes": seen * 780, "wire_bytes": seen * 794,
                     "dropped_bytes": dropped * 60})
    return 200, {"ifaces": rows, "events_lost": 0, "complete": True,
                 "maps": [{"name": "flows4", "entries": 900, "capacity": 8192}]}


def matches(flow, word):
    """One word of the filter language of docs/api.md."""
    key, _, value = word.partition(":")
    sides = {"src": ["src_ip"], "dst": ["dst_ip"], "ip": ["src_ip", "dst_ip"],
             "sport": ["src_port"], "dport": ["dst_port"], "port": ["src_port", "dst_port"],
             "proto": ["proto"], "state": ["state"]}
    if not value or key not in sides:
        return any(word.lower() in str(flow[k]).lower()
                   for k in ("src_ip", "dst_ip", "src_port", "dst_port", "proto"))
    if key in ("src", "dst", "ip"):
        try:
            network = ipaddress.ip_network(value)
        except ValueError as error:
            raise base.Refused(422, "invalid", "Filter: %s is no address or prefix." % value,
                               "q") from error
        return any(ipaddress.ip_address(flow[k]) in network for k in sides[key])
    return any(str(flow[k]).lower() == value.lower() for k in sides[key])


def get_flows(state, query, _body):
    """Newest first, filtered; with a time, pages of the history: 20 records each."""
    words = query.get("q", "").split()
    history = [w for w in words if w.startswith(("since:", "until:"))]
    rows = [f for f in state.flows if all(matches(f, w) for w in words if w not in history)]
    if not history:
        return 200, {"items": rows[:int(query.get("limit", 1000))], "next": None, "live": True,
                     "complete": True, "scanned_to": None}
    start = int((query.get("after") or "h0-0").split("-")[1])
    if start == 0:
        state.found = [{**f, "id": n} for n, f in enumerate(rows)]  # pages do not move
    rows = state.found
    cut = "since:7d" in history  # a search that comes to its deadline
    page = [{**f, "end_reason": "idle"} for f in rows[start:start + 20]]
    return 200, {"items": page, "next": "h1-%d" % (start + 20) if start + 20 < len(rows) else None,
                 "live": False, "complete": not cut,
                 "scanned_to": "2026-11-23T10:00:00.000Z" if cut else None}


def get_groups(state, query):
    """Sums of a search of the history by one field."""
    fields = {"src": "src_ip", "dst": "dst_ip", "dport": "dst_port", "proto": "proto",
              "domain": "sni", "ja4": "ja4", "iface": "iface", "verdict": "verdict"}
    sums = {}
    for flow in state.flows:
        key = flow[fields[query["by"]]]
        one = sums.setdefault(key, {"key": key and str(key), "records": 0, "bytes": 0,
                                    "packets": 0, "last_seen": flow["end"]})
        one["records"] += 1
        one["bytes"] += flow["bytes_out"] + flow["bytes_in"]
    rows = sorted(sums.values(), key=lambda r: -r["bytes"])
    return 200, {"by": query["by"], "items": rows[:int(query.get("limit", 20))], "complete": True,
                 "exact": True, "others": {"records": 3, "bytes": 4096}, "next": None}


def get_top(state, query, _body):
    """Hosts or protocols of the last minute."""
    if query.get("by") not in ("hosts", "protocols"):
        return get_groups(state, query)
    limit = int(query.get("limit", 10))
    rows = state.hosts(limit) if query.get("by") == "hosts" else state.protocols()
    return 200, {"items": rows, "next": None}


def get_series(_state, query, _body):
    """The last hour."""
    return 200, data.series(time.time() - int(query.get("ago", 0)), int(query.get("seconds", 3600)),
                            int(query.get("step", 10)))


def for_role(state, incident):
    """Reason only for analysts."""
    analyst = base.RANK[state.user["role"]] >= 2
    return incident if analyst else {**incident, "reason": None}


def get_incidents(state, query, _body):
    """Newest first, filtered."""
    over = {"yes": True, "no": False}.get(query.get("resolved"))
    rows = [for_role(state, i) for i in sorted(state.incidents, key=lambda i: -i["id"])
            if all(not query.get(k) or i[k] == query[k]
                   for k in ("severity", "state", "detector", "src_ip", "dst_ip"))
            and (over is None or (i["state"] in ("resolved", "false_positive")) == over)
            and query.get("q", "").lower() in (i["title"] + i["src_ip"] + i["dst_ip"]).lower()]
    levels = [i["severity"] for i in state.incidents if i["state"] == "open"]
    return 200, {"items": rows[:int(query.get("limit", 50))], "next": None, "total": len(rows),
                 "open": {level: levels.count(level) for level in ("high", "medium", "low")},
                 "complete": True}


def find(rows, row_id):
    """By id, or 404."""
    for row in rows:
        if row["id"] == int(row_id):
            return row
    raise base.Refused(404, "not_found", "There is no such entry.")


def full_incident(state, incident):
    """With evidence, notes, block, actions, related."""
    now = time.time()
    analyst = base.RANK[state.user["role"]] >= 2
    block = next((b for b in state.blocks
                  if b["value"] == incident["src_ip"] and b["state"] == "active"), None)
    related = [i for i in state.incidents if i["id"] != incident["id"]
               and i["src_ip"] == incident["src_ip"]]
    return {**for_role(state, incident),
            "evidence": [data.probe(9000 + p, now - 60, p, incident["src_ip"])
                         for p in (21, 22, 23, 25, 80, 110, 443, 3306)] if analyst else None,
            "notes": state.notes.get(incident["id"], []) if analyst else None, "block": block,
            "features": more.FEATURES if analyst else None, "history": incident.get("history", []),
            "version": incident.get("version", 0),
            "actions": data.ACTIONS[incident["severity"]], "related": related}


def get_incident(state, _query, _body, row_id):
    """One in full."""
    return 200, full_incident(state, find(state.incidents, row_id))


def post_state(state, _query, body, row_id):
    """Another state."""
    incident = find(state.incidents, row_id)
    more.check_version(incident, body)
    more.remember(state, incident, "state", body["state"])
    incident["state"] = body["state"]
    state.publish("incident", {k: incident[k] for k in ("id", "count", "state", "last_seen")})
    return 200, full_incident(state, incident)


def post_note(state, _query, body, row_id):
    """A note."""
    incident = find(state.incidents, row_id)
    note = {"time": data.iso(time.time()), "author": state.user["name"], "text": body["text"]}
    state.notes.setdefault(incident["id"], []).append(note)
    return 200, full_incident(state, incident)


def network_of(block):
    """Of an address or a prefix; None for a name or a list."""
    return ipaddress.ip_network(block["value"]) if block["kind"] in ("address", "prefix") else None


def get_blocks(state, query, _body):
    """The list."""
    rows = [b for b in state.blocks if not query.get("active")
            or b["state"] in ("active", "pending", "off")]
    return 200, {"items": rows, "next": None}


def post_block(state, _query, body):
    """A new block."""
    network = base.parse_prefix(body.get("value"), "value")
    text = str(network.network_address) if network.num_addresses == 1 else str(network)
    safe = base.is_safe(state, network)
    if safe:
        raise base.Refused(422, "safe_address", "%s is on the safe list (%s %s)."
                           % (text, safe["kind"], safe["note"]), "value")
    if any(b["value"] == text and b["state"] == "active" for b in state.blocks):
        raise base.Refused(409, "already_blocked", "%s is blocked already." % text, "value")
    ttl = base.TTL.match(body.get("ttl") or "")
    seconds = int(ttl.group(1)) * base.UNIT_S[ttl.group(2)] if ttl else 0
    block = state.add_block(text, body.get("reason", ""), seconds, author=state.user["name"],
                            incident_id=body.get("incident_id"),
                            direction=body.get("direction", "both"),
                            action=body.get("action", "drop"))
    state.publish("block", block)
    return 201, block


def confirm_block(state, _query, _body, row_id):
    """A pending block stays."""
    block = find(state.blocks, row_id)
    if block["state"] != "pending":
        raise base.Refused(409, "not_pending", "Nothing to confirm.")
    block.update(state="active", confirm_by=None)
    state.publish("block", block)
    return 200, block


def get_block(state, _query, _body, row_id):
    """One."""
    return 200, find(state.blocks, row_id)


def delete_block(state, _query, _body, row_id):
    """Ended."""
    block = find(state.blocks, row_id)
    block["state"] = "removed"
    state.publish("block", block)
    return 200, block


def test_block(state, query, _body):
    """What the kernel would do."""
    network = base.parse_prefix(query.get("value"), "value")
    safe = base.is_safe(state, network)
    for block in state.blocks:
        other = network_of(block)
        if (other and block["state"] == "active" and other.version == network.version
                and network.subnet_of(other)):
            return 200, {"value": str(network), "verdict": "drop", "reason": block["reason"],
                         "block": block}
    return 200, {"value": str(network), "verdict": "safe" if safe else "pass",
                 "reason": "%s is %s on %s" % (network, safe["kind"], safe["note"]) if safe
                 else "nothing blocks it", "block": None}


def get_safe(state, _query, _body):
    """The safe list."""
    return 200, {"items": state.safe, "next": None}


def post_safe(state, _query, body):
    """An own entry."""
    network = base.parse_prefix(body.get("prefix"), "prefix")
    for block in state.blocks:
        other = network_of(block)
        if (other and block["state"] == "active" and other.version == network.version
                and other.overlaps(network)):
            raise base.Refused(409, "blocked_now", "A block overlaps: %s." % block["value"],
                               "prefix")
    entry = {"id": len(state.safe) + 100, "prefix": str(network), "kind": "manual",
             "note": body.get("note", "")}
    state.safe.append(entry)
    return 201, entry


def delete_safe(state, _query, _body, row_id):
    """Gone."""
    entry = find([s for s in state.safe if s["id"]], row_id)
    state.safe.remove(entry)
    return 200, entry


ROUTES = [
    ("GET", r"/session", None, get_session),
    ("POST", r"/login", None, post_login),
    ("POST", r"/setup", None, post_setup),
    ("POST", r"/password", "any", post_password),
    ("POST", r"/logout", "any", post_logout),
    ("GET", r"/status", "viewer", get_status),
    ("GET", r"/coverage", "viewer", get_coverage),
    ("GET", r"/flows", "viewer", get_flows),
    ("GET", r"/top", "viewer", get_top),
    ("GET", r"/series", "viewer", get_series),
    ("GET", r"/incidents", "viewer", get_incidents),
    ("GET", r"/incidents/(\d+)", "viewer", get_incident),
    ("POST", r"/incidents/(\d+)/state", "analyst", post_state),
    ("POST", r"/incidents/(\d+)/notes", "analyst", post_note),
    ("GET", r"/blocks", "viewer", get_blocks),
    ("POST", r"/blocks", "admin", post_block),
    ("GET", r"/blocks/test", "viewer", test_block),
    ("GET", r"/blocks/(\d+)", "viewer", get_block),
    ("DELETE", r"/blocks/(\d+)", "admin", delete_block),
    ("POST", r"/blocks/(\d+)/confirm", "admin", confirm_block),
    ("GET", r"/safe", "viewer", get_safe),
    ("POST", r"/safe", "admin", post_safe),
    ("DELETE", r"/safe/(\d+)", "admin", delete_safe),
]


ORIGINAL = {
    ("GET", "/api/stats/protocols"): {"labels": ["TCP", "UDP"], "data": [4, 1]},
    ("GET", "/api/stats/severity"): {"labels": ["high", "low", "medium"], "data": [1, 1, 2]},
    ("GET", "/api/stats/timeline"): {"labels": ["%02d:00" % ((h + 20) % 24) for h in range(24)],
                                     "data": [0] * 9 + [1, 3, 0, 0, 2] + [0] * 9 + [1]},
    ("GET", "/api/analyzer_status"): {"status": "running"},
    ("POST", "/api/start_analyzer"): {"status": "running", "message": "Analyzer started"},
    ("POST", "/api/stop_analyzer"): {"status": "stopped", "message": "Analyzer stopped"}}


def call(state, method, path, query, body):
    """Find the route, check the role, answer (status, value)."""
    if (method, path) in ORIGINAL:
        state.check("admin" if method == "POST" else "viewer")
        return 200, ORIGINAL[(method, path)]
    for verb, pattern, role, handler in ROUTES + more.ROUTES + admin.ROUTES:
        match = re.fullmatch(pattern, path)
        if verb == method and match:
            with state.lock:
                state.check(role)
                return handler(state, query, body, *match.groups())
    raise base.Refused(404, "not_found", "There is no such call.")
