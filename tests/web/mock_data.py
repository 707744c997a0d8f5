"""Plausible traffic for the mock server: a seeded little network, drawn anew each second."""

import calendar
import math
import random
import time

HOSTS = ["192.168.10.%d" % n for n in (12, 14, 17, 21, 33, 40, 56)] + ["fd12:3456:789a::21"]
PEERS = ["151.101.2.132", "140.82.121.4", "199.232.170.132", "9.9.9.9", "34.107.243.93",
         "2a04:4e42:400::644", "185.199.108.153", "192.168.10.1", "91.189.91.83"]
NAMES = {443: ["deb.debian.org", "github.com", "api.example.net", "cdn.example.org"],
         80: ["deb.debian.org"], 53: [None], 22: [None], 123: [None], 5353: [None]}
PORTS = [443, 443, 443, 443, 80, 53, 53, 22, 123, 5353]
SCANNER = "198.51.100.77"


def iso(seconds):
    """RFC 3339 UTC with milliseconds."""
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return "%s.%03dZ" % (base, int(seconds * 1000) % 1000)


def parse_iso(text):
    """Seconds of an RFC 3339 time in UTC."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def level(t):
    """Load of the link at a second: slow waves, a little noise, the same for the same second."""
    noise = random.Random(int(t)).random()
    wave = math.sin(t / 311) * 0.35 + math.sin(t / 97) * 0.15
    burst = 1.9 if int(t / 420) % 5 == 3 and int(t) % 420 < 90 else 0
    return max(0.06, 0.75 + wave + burst + noise * 0.22)


def rates(t):
    """Sums of one second, keys as in the API's series."""
    load = level(t)
    dropped = 34 if int(t / 240) % 4 == 1 else 2
    return {"packets_in": int(2100 * load), "bytes_in": int(1_950_000 * load),
            "packets_out": int(1150 * load), "bytes_out": int(310_000 * level(t + 50)),
            "dropped_packets": dropped, "dropped_bytes": dropped * 60,
            "new_flows": int(14 * load)}


def series(now, seconds, step):
    """What GET /series answers: sums per step, oldest first."""
    items = []
    start = int(now / step) * step
    for t in range(start - seconds + step, start + 1, step):
        per_second = rates(t)
        items.append({"time": iso(t), **{k: v * step for k, v in per_second.items()}})
    return {"step": step, "items": items}


def make_flow(rng, flow_id, now, extra=None):
    """One flow with both directions."""
    port = rng.choice(PORTS)
    proto = "UDP" if port in (53, 123, 5353) else "TCP"
    packets = rng.randint(2, 9) if proto == "UDP" else int(rng.paretovariate(0.9) * 9) + 4
    start = now - rng.random() * 240
    state = rng.choice(["new", "established", "established", "established", "closed"])
    flow = {
        "id": flow_id, "start": iso(start), "end": iso(min(now, start + rng.random() * 200)),
        "iface": "eth0", "vlan": 0, "ip_v": 4, "proto": proto, "src_ip": rng.choice(HOSTS),
        "src_port": rng.randint(32768, 60999), "dst_ip": rng.choice(PEERS), "dst_port": port,
        "packets_out": packets, "bytes_out": packets * rng.randint(60, 400),
        "packets_in": packets + 3, "bytes_in": packets * rng.randint(200, 1400),
        "tcp_flags_out": "SPA" if proto == "TCP" else "",
        "tcp_flags_in": "SPA" if proto == "TCP" else "",
        "state": state, "verdict": "pass", "rule_id": None,
        "sni": rng.choice(NAMES[port]) if port == 443 else None, "host": None, "ja4": None,
        "process": None, "pid": None, "uid": None, "unit": None, "incident_id": None}
    flow.update(extra or {})
    return flow


def probe(flow_id, now, port, src=SCANNER, dst="192.168.10.12"):
    """One probe of a port scan: a SYN, a reset back."""
    return make_flow(random.Random(port), flow_id, now, {
        "src_ip": src, "dst_ip": dst, "dst_port": port, "proto": "TCP", "packets_out": 1,
        "bytes_out": 44, "packets_in": 1, "bytes_in": 40, "tcp_flags_out": "S",
        "tcp_flags_in": "RA", "state": "closed", "sni": None})


def make_incident(incident_id, now, severity, state, source):
    """A row with details; the server takes the details away where a role may not see them."""
    ports = 996 if severity == "high" else 212 if severity == "medium" else 41
    age = incident_id * 913
    return {
        "id": incident_id, "detector": "port_scan", "title": "Vertical port scan",
        "severity": severity, "state": state, "score": {"high": 0.98, "medium": 0.86}.get(
            severity, 0.61), "src_ip": source, "dst_ip": "192.168.10.12", "dst_port": 0,
        "proto": "TCP", "first_seen": iso(now - age - 41), "last_seen": iso(now - age),
        "count": ports, "technique": "T1046",
        "reason": "%s probed %d different ports of 192.168.10.12 in 41 s; ordinary here are up to "
                  "6 ports in a minute." % (source, ports)}


ACTIONS = {
    "high": ["Block this source immediately if you do not know it.",
             "Investigate all traffic from this source in the last day.",
             "Check which of the probed ports answered."],
    "medium": ["Watch further traffic from this source.",
               "Check that only wanted services answer on the probed host."],
    "low": ["Watch for a pattern from this source."]}

SAFE = [("127.0.0.0/8", "loopback", ""), ("::1/128", "loopback", ""),
        ("192.168.10.12/32", "own", "eth0"), ("fd12:3456:789a::12/128", "own", "eth0"),
        ("192.168.10.1/32", "gateway", "default route of eth0"),
        ("9.9.9.9/32", "resolver", "/etc/resolv.conf"),
        ("192.168.10.40/32", "admin", "admin"), ("224.0.0.0/4", "special", "multicast")]


def make_user(row_id, name, role, **more):
    """A row of the users."""
    return {"id": row_id, "name": name, "email": None, "role": role, "disabled": False,
            "must_change": False, "totp": False, "created": iso(time.time() - 900_000),
            "last_login": None, **more}


def make_report(row_id, kind, state, **more):
    """A row of the reports."""
    now = time.time()
    done = state == "done"
    return {"id": row_id, "kind": kind, "title": kind.capitalize() + " report", "format": "pdf",
            "state": state, "progress": 100 if done else 0, "from": iso(now - 604800),
            "to": iso(now), "zone": "UTC", "author": "kim", "created": iso(now - 60),
            "finished": iso(now) if done else None, "size": 84_120 if done else 0, "sha256": None,
            "schedule_id": None, "error": None, **more}


def make_audit():
    """The last rows of the log."""
    now = time.time()
    rows = [("admin", "login", "", {}, "192.168.10.40"),
            ("admin", "block.add", "203.0.113.0/24", {"ttl": "7d", "reason": "scans every night"}, "192.168.10.40"),
            ("kim", "incident.state", "8", {"from": "open", "to": "acknowledged"}, "192.168.10.41"),
            ("unix:root", "user.add", "kim", {"role": "analyst"}, None),
            ("admin", "settings.change", "Block.confirm", {"from": "60s", "to": "90s"}, "192.168.10.40")]
    return [{"id": 41 - n, "time": iso(now - n * 731), "who": who, "peer": peer, "action": action,
             "target": target, "detail": detail}
            for n, (who, action, target, detail, peer) in enumerate(rows)]
