"""What the mock server knows: a user, flows, incidents, blocks, the safe list, who listens."""

import ipaddress
import queue
import random
import re
import threading
import time

import mock_data as data

RANK = {"viewer": 1, "analyst": 2, "admin": 3}
TTL = re.compile(r"(\d+)([smhdw])$")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Refused(Exception):
    """An error answer of the API."""

    def __init__(self, status, code, message, field=None, retry=0):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.field, self.retry = field, retry


class State:
    """Everything, behind one lock; mock_routes.py answers from it."""

    def __init__(self, role="admin", mode="demo"):
        self.lock = threading.RLock()
        self.mode, self.started = mode, time.time() - 276_300
        self.needs_setup = role == "setup"
        self.user = None
        if role in RANK:
            self.user = {"name": role, "role": role, "must_change": False}
        self.enforcement, self.down, self.seq = "on", False, 0
        self.failing = False  # everything but the session answers 500
        self.ifaces = [{"name": "eth0", "mode": "user" if mode == "demo" else "tc", "note": ""
                        if mode == "demo" else "virtio refuses native XDP while GRO_HW is on; "
                        "ethtool -K eth0 rx-gro-hw off allows it"}]
        self.requests, self.csp_reports, self.seen_hosts = [], [], set()
        self.wire_bytes = 0
        self.mailboxes = []
        rng = random.Random(7)
        now = time.time()
        self.flows = [data.make_flow(rng, 1000 + n, now) for n in range(140)]
        self.incidents = [
            data.make_incident(7, now - 5000, "medium", "resolved", "203.0.113.9"),
            data.make_incident(8, now - 900, "low", "acknowledged", "192.168.10.33"),
            data.make_incident(9, now + 6300, "medium", "open", "2001:db8:77::bad:1"),
            data.make_incident(10, now + 9010, "high", "open", data.SCANNER)]
        self.notes = {10: [{"time": data.iso(now - 60), "author": "kim",
                            "text": "Asked the hoster; not one of ours."}]}
        self.expected, self.stored, self.tokens, self.schedules = [], {}, [], []
        self.totp = self.backing_up = False
        self.dry_run, self.files, self.feeds, self.asked = True, {}, [], set()
        self.audit = data.make_audit()
        self.users = [data.make_user(1, "admin", "admin", last_login=data.iso(now - 600)),
                      data.make_user(2, "kim", "analyst", email="kim@example.org", totp=True,
                                     last_login=data.iso(now - 90_000)),
                      data.make_user(3, "old", "viewer", disabled=True)]
        self.reports = [data.make_report(2, "general", "done"),
                        data.make_report(1, "traffic", "failed", error="no data in this period")]
        self.blocks = []
        self.add_block("203.0.113.0/24", "scans every night", 604800, 48123, now - 86000)
        self.add_block("2001:db8:dead::/48", "spam source", 0, 0, now - 4000)
        self.add_block("ads.example.net", "adverts", 0, 15, now - 3000, kind="domain",
                       action="refuse", layers={"dns": 12, "tls": 3, "http": 0, "quic": 0})
        self.add_block("drop-list", "known bad", 0, 912, now - 2000, kind="list", entries=1204)
        self.add_block("203.0.112.0/20", "wide", 0, 0, now - 20, state="pending",
                       confirm_by=data.iso(now + 40))
        self.safe = [{"id": None, "prefix": p, "kind": k, "note": n} for p, k, n in data.SAFE]
        self.safe.append({"id": 1, "prefix": "198.51.100.0/28", "kind": "manual",
                          "note": "monitoring of the hoster"})

    def forget_all(self):
        """As on the first day: no flow, incident, block, report or audit row."""
        with self.lock:
            for rows in (self.flows, self.incidents, self.blocks, self.safe, self.reports,
                         self.audit):
                rows.clear()
            self.notes.clear()

    # ---- live -----------------------------------------------------------------------------------

    def join(self):
        """A new stream, with the newest of each kind waiting."""
        mailbox = queue.Queue(256)
        with self.lock:
            self.mailboxes.append(mailbox)
        mailbox.put(("analyzer_status", {"status": "running"}))
        mailbox.put(("snapshot", self.snapshot()))
        return mailbox

    def leave(self, mailbox):
        """The stream ended."""
        with self.lock:
            if mailbox in self.mailboxes:
                self.mailboxes.remove(mailbox)

    def publish(self, name, value):
        """To every stream."""
        with self.lock:
            for mailbox in self.mailboxes:
                if not mailbox.full():
                    mailbox.put((name, value))

    def tick(self):
        """A second passes: hits rise, flows come, a snapshot goes out."""
        with self.lock:
            now = time.time()
            self.seq += 1
            for block in self.blocks:
                if block["state"] == "active" and block["value"] != "2001:db8:dead::/48":
                    block["hits"] += 3
                    block["hit_bytes"] += 180
                    block["last_hit"] = data.iso(now)
            rng = random.Random(self.seq)
            self.flows.insert(0, data.make_flow(rng, 5000 + self.seq, now))
            del self.flows[200:]
        self.publish("snapshot", self.snapshot())

    def snapshot(self):
        """One picture of the pipeline."""
        now = time.time()
        return {
            "time": data.iso(now), "seq": self.seq, "rates": data.rates(now),
            "flow_count": len(self.flows), "flow_capacity": 65536,
            "processed_packets": 81_234_567 + self.seq * 3000, "complete": True,
            "unattributed": 0, "events_lost": 0, "ifaces": self.ifaces, "hosts": self.hosts(10),
            "protocols": self.protocols(), "enforcement": self.enforcement, "mode": self.mode}

    def hosts(self, limit):
        """Top of the last minute, by bytes."""
        sums = {}
        for f in self.flows:
            for ip in (f["src_ip"], f["dst_ip"]):
                row = sums.setdefault(ip, {"ip": ip, "packets": 0, "bytes": 0, "flows": 0,
                                           "ports": 0, "last_seen": f["end"]})
                row["bytes"] += f["bytes_out"] + f["bytes_in"]
                row["packets"] += f["packets_out"] + f["packets_in"]
                row["flows"] += 1
                row["ports"] += 1
        return sorted(sums.values(), key=lambda r: -r["bytes"])[:limit]

    def protocols(self):
        """The same by protocol."""
        sums = {}
        for f in self.flows:
            row = sums.setdefault(f["proto"], {"proto": f["proto"], "packets": 0, "bytes": 0,
                                               "flows": 0})
            row["bytes"] += f["bytes_out"] + f["bytes_in"]
            row["packets"] += f["packets_out"] + f["packets_in"]
            row["flows"] += 1
        sums["ICMP"] = {"proto": "ICMP", "packets": 60, "bytes": 5040, "flows": 2}
        return sorted(sums.values(), key=lambda r: -r["bytes"])

    # ---- what the calls of mock_routes.py share ------------------------------------------------

    def check(self, role):
        """401, 403, or nothing."""
        if role is None:
            return
        if not self.user:
            raise Refused(401, "unauthorized", "Log in first.")
        if self.user["must_change"] and role != "any":
            raise Refused(403, "password_change_required", "Change the password first.")
        if RANK[self.user["role"]] < RANK.get(role, 0):
            raise Refused(403, "forbidden", "This needs the role %s." % role)

    def add_block(self, value, reason, ttl_s, hits=0, created=None, **more):
        """A row of the block list."""
        created = created or time.time()
        block = {
            "id": len(self.blocks) + 1, "kind": "prefix" if "/" in value else "address",
            "value": value, "action": "drop", "direction": "both", "proto": None, "port": None,
            "reason": reason, "source": "person", "author": "admin", "created": data.iso(created),
            "expires": data.iso(created + ttl_s) if ttl_s else None, "state": "active",
            "hits": hits, "hit_bytes": hits * 60, "last_hit": data.iso(created) if hits else None,
            "confirm_by": None, "incident_id": None, **more}
        self.blocks.insert(0, block)
        return block


def parse_prefix(text, field):
    """An address or prefix, or 422 beside the field."""
    try:
        return ipaddress.ip_network((text or "").strip())
    except ValueError as error:
        raise Refused(422, "invalid", "Not an address or prefix: %s." % error, field) from error


def is_safe(state, network):
    """The safe entry that overlaps, or None."""
    for entry in state.safe:
        other = ipaddress.ip_network(entry["prefix"])
        if other.version == network.version and other.overlaps(network):
            return entry
    return None
