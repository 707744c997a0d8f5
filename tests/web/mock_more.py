"""Further calls of the mock: what people do with incidents, hosts, and the pages for admins."""

import time

import mock_data as data
import mock_state as base

FEATURES = [{"name": "ports in 10 s", "value": 412, "normal_low": None, "normal_high": 6, "unit": ""},
            {"name": "failed connections", "value": 0.98, "normal_low": None, "normal_high": 0.12, "unit": ""},
            {"name": "packets a second", "value": 41.2, "normal_low": 2, "normal_high": 60, "unit": ""}]


def remember(state, incident, action, after, text=""):
    """A line in an incident's history; its version grows."""
    incident["version"] = incident.get("version", 0) + 1
    incident.setdefault("history", []).append({
        "time": data.iso(time.time()), "who": state.user["name"], "action": action,
        "from": incident["state"], "to": after, "text": text})


def check_version(incident, body):
    """Somebody else was faster: 409 that names who."""
    wanted = body.get("version")
    if wanted is not None and wanted != incident.get("version", 0):
        who = incident["history"][-1]["who"]
        raise base.Refused(409, "changed_meanwhile", "%s changed this incident meanwhile." % who)


def find(rows, row_id):
    """By id, or 404."""
    for row in rows:
        if row["id"] == int(row_id):
            return row
    raise base.Refused(404, "not_found", "There is no such entry.")


def post_bulk(state, _query, body):
    """The same state for several."""
    for row_id in body["ids"]:
        incident = find(state.incidents, row_id)
        remember(state, incident, "state", body["state"])
        incident["state"] = body["state"]
    return 200, {"changed": body["ids"], "failed": []}


def get_expected(state, _query, _body):
    """What is expected here."""
    return 200, {"items": state.expected, "next": None}


def post_expected(state, _query, body, row_id):
    """Expected from an incident: it is resolved."""
    incident = find(state.incidents, row_id)
    ttl = base.TTL.match(body.get("ttl") or "")
    ends = time.time() + int(ttl.group(1)) * base.UNIT_S[ttl.group(2)] if ttl else None
    state.expected.append({
        "id": len(state.expected) + 1, "detector": incident["detector"],
        "src": body.get("src", incident["src_ip"]), "dst": body.get("dst", incident["dst_ip"]),
        "port": body.get("port"), "note": body.get("note", ""),
        "author": state.user["name"], "silenced": 0, "expires": ends and data.iso(ends)})
    remember(state, incident, "state", "resolved", "Expected here.")
    incident["state"] = "resolved"
    return 201, state.expected[-1]


def delete_expected(state, _query, _body, row_id):
    """Reported again."""
    entry = find(state.expected, row_id)
    state.expected.remove(entry)
    return 200, entry


def tops(rows, field):
    """Sums of some flows by one field."""
    sums = {}
    for flow in rows:
        key = flow[field]
        one = sums.setdefault(key, {"key": key and str(key), "records": 0, "bytes": 0,
                                    "packets": 0, "last_seen": flow["end"]})
        one["records"] += 1
        one["bytes"] += flow["bytes_out"] + flow["bytes_in"]
    return sorted(sums.values(), key=lambda r: -r["bytes"])[:20]


def side(rows, peer):
    """One half of a host's page."""
    names = {"peers": peer, "ports": "dst_port", "names": "sni"}
    sums = {key: tops(rows, field) for key, field in names.items()}
    return {**sums, **{key + "_distinct": len(rows) for key, rows in sums.items()}}


def get_host(state, query, _body, address):
    """Everything on one address."""
    now = time.time()
    begin = data.parse_iso(query["from"]) if query.get("from") else now - 604800
    step = max(60, int((now - begin) / 168))
    course = [{"time": data.iso(t), "packets_in": 900, "packets_out": 700, "records": 4,
               "bytes_in": int(data.level(t) * step * 40_000),
               "bytes_out": int(data.level(t + 900) * step * 9_000)}
              for t in range(int(begin), int(now), step)]
    network = base.parse_prefix(address, "ip")
    safe = base.is_safe(state, network)
    block = next((b for b in state.blocks if b["value"] == address and b["state"] == "active"),
                 None)
    return 200, {
        "ip": address, "safe": safe, "block": block, "step": step, "series": course,
        "live": next((r for r in state.hosts(100) if r["ip"] == address), None),
        "incidents": [i for i in state.incidents if i["src_ip"] == address],
        "first_seen": data.iso(now - 2_900_000), "last_seen": data.iso(now - 4), "records": 48_210,
        "as_source": side([f for f in state.flows if f["src_ip"] == address], "dst_ip"),
        "as_destination": side([f for f in state.flows if f["dst_ip"] == address], "src_ip"),
        "from": data.iso(begin), "to": data.iso(now), "complete": True}


def get_model(_state, query, _body):
    """What the model is, or knows of a host."""
    if query.get("ip"):
        features = [{"name": n, "unit": u, "value": v, "low": 0, "middle": high / 2, "high": high,
                     "rarity": 0.4 if v < high else 4.6}
                    for n, u, v, high in (("ports", "", 412, 6), ("bytes_out", "B", 90_000, 4e6),
                                          ("failed_share", "", 0.98, 0.12))]
        return 200, {"ip": query["ip"], "place": "local", "flagged": False, "windows": [
            {"window_s": 10, "open": True, "role": "client", "score": 0.71, "threshold": 0.64,
             "unusual": True, "features": features}]}
    kind = {"window_s": 10, "place": "local", "role": "client", "state": "active", "learned": 9000,
            "wanted": 4000, "alarms": 2, "trained": data.iso(time.time() - 7000),
            "trained_rows": 8412}
    return 200, {"state": "learning", "alerts_per_day": 5, "hosts": 38, "hosts_max": 100_000,
                 "verdicts": {"false_rate": 0.25}, "kinds": [kind, {
                     **kind, "window_s": 86400, "state": "learning", "learned": 900,
                     "trained": None, "trained_rows": 0, "alarms": 0}]}


def get_preview(state, query, _body):
    """What a block would have dropped."""
    network = base.parse_prefix(query.get("value"), "value")
    return 200, {"value": str(network), "flows": 312, "sources": 9, "sources_yours": 2,
                 "summary": "Would have dropped 312 flows from 9 sources, 2 of them yours.",
                 "top_sources": [{"ip": f["src_ip"], "yours": True, "flows": 4, "bytes": 900}
                                 for f in state.flows[:2]], "complete": True, "refused": None}


SEEN = {"domain": ["new.example.org", "cdn.example.net"], "destination": ["198.51.100.9"],
        "listener": ["192.168.10.12 TCP/8080"], "mac": ["02:00:5e:10:00:01"]}


def get_seen(_state, query, _body):
    """What was seen for the first time."""
    now = time.time()
    return 200, {"kind": query["kind"], "full": 0, "next": None, "items": [
        {"value": v, "first": data.iso(now - 4000), "last": data.iso(now)}
        for v in SEEN[query["kind"]]]}


def get_reputation(state, query, body):
    """What others said of an address; asked first when it is posted."""
    value = (query or {}).get("value") or body["value"]
    state.asked |= {value} if body else set()
    items = [{"provider": "virustotal", "verdict": "high", "malicious": 12, "suspicious": 1,
              "harmless": 50, "undetected": 20, "score": None, "owner": "Example Hosting",
              "country": "NL", "fetched": data.iso(time.time() - 400)},
             {"provider": "abuseipdb", "verdict": "medium", "reports": 31, "score": 48,
              "owner": None, "country": "NL", "fetched": data.iso(time.time() - 400)}]
    return 200, {"value": value, "queued": False, "items": items if value in state.asked else [],
                 "providers": [{"provider": "virustotal", "on": True, "left_today": 480,
                                "error": None}]}


RESPONSES = [{"detector": d, "title": t, "response": r, "ttl_s": 3600, "is_default": r == "none",
              "author": None if r == "none" else "admin", "changed": None}
             for d, t, r in (("port_scan", "Vertical port scan", "block"),
                             ("brute_force", "Password guessing", "ask"),
                             ("dga", "Many names that do not exist", "none"))]


def get_response(state, _query, _body):
    """What is done by itself."""
    return 200, {"dry_run": state.dry_run, "items": RESPONSES}


def post_response(state, _query, body):
    """Dry run or not."""
    state.dry_run = body["dry_run"]
    return get_response(state, None, None)


def post_panic(state, _query, body):
    """All drops end, or are allowed again."""
    state.enforcement = "panic" if body["on"] else "on"
    return 200, {"panic": body["on"]}


def post_turn(state, _query, _body, row_id, way):
    """A block rests, or works again."""
    block = find(state.blocks, row_id)
    block["state"] = "active" if way == "on" else "off"
    return 200, block


def post_part(state, query, body, name):
    """The next bytes of a file."""
    known = state.files.get(name, "") if query["offset"] != "0" else ""
    state.files[name] = known + body
    return 204, None


def post_list(state, _query, body, name):
    """The file becomes the list."""
    lines = state.files.pop(name).split()
    good = [line for line in lines if line[0] != "!"]
    block = state.add_block(name, body.get("reason", ""), 0, kind="list", entries=len(good))
    notes = [{"line": n + 1, "level": "refused", "text": line, "reason": "no address and no name"}
             for n, line in enumerate(lines) if line[0] == "!"]
    return 201, {"applied": True, "message": "The list %s is in force." % name, "block": block,
                 "lines": len(lines), "names": 0, "refused": len(notes), "warned": 0,
                 "duplicates": 0, "added": len(good), "removed": 0, "notes": notes}


def get_entries(_state, _query, _body, _row_id):
    """Of a list."""
    return 200, {"items": [{"value": "203.0.113.%d" % n, "hits": 90 - n, "hit_bytes": 900,
                            "last_hit": None} for n in range(9)], "next": None}


ROUTES = [
    ("GET", r"/reputation", "viewer", get_reputation),
    ("POST", r"/reputation", "analyst", get_reputation),
    ("GET", r"/seen", "viewer", get_seen),
    ("GET", r"/response", "viewer", get_response), ("POST", r"/response", "admin", post_response),
    ("POST", r"/panic", "admin", post_panic),
    ("POST", r"/blocks/(\d+)/(on|off)", "admin", post_turn),
    ("POST", r"/lists/([\w-]+)/part", "admin", post_part),
    ("POST", r"/lists/([\w-]+)", "admin", post_list),
    ("GET", r"/blocks/(\d+)/entries", "viewer", get_entries),
    ("GET", r"/hosts/([0-9a-fA-F.:]+)", "viewer", get_host),
    ("GET", r"/model", "viewer", get_model),
    ("GET", r"/blocks/preview", "viewer", get_preview),
    ("POST", r"/incidents/bulk", "analyst", post_bulk),
    ("POST", r"/incidents/(\d+)/expected", "analyst", post_expected),
    ("GET", r"/expected", "viewer", get_expected),
    ("DELETE", r"/expected/(\d+)", "analyst", delete_expected),
]
