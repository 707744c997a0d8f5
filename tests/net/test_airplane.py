"""Two hosts side by side with the same traffic: outside the one nobody answers, outside the other all do.
Memory, pages, detection and coverage are the same after an hour, or SLUICE_AIRPLANE_S seconds."""
import os
import pathlib
import re
import statistics
import time

import pytest

from hosts import Lab, Service, is_alive, sh, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and XDP need root")

APART = 0.05  # of a role's memory; measured: at most 1.5 % after 55 minutes
PAGES = ("/healthz", "/login", "/api/v1/status", "/api/v1/flows", "/api/v1/incidents")
OUTSIDE = [f"9.9.8.{i}" for i in range(3)] + [f"9.9.9.{i}" for i in range(11, 16)]

CONFIG = """[API]
virustotal_key = key
abuseipdb_key = key
[Mail]
url = smtp://9.9.9.11:25
from = sluice@example.org
to = a@example.org
starttls = off
digest = 1s
[Export]
syslog = tcp://9.9.9.12:514
ipfix = 9.9.9.13:4739
webhook = http://9.9.9.14/hook
"""

# all of the outside in one process: SMTP, syslog, IPFIX, webhook, feeds, VirusTotal and AbuseIPDB
STUBS = """
import http.server, json, socket, socketserver, threading
class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.say(b"")
    def do_GET(self):
        if "/check?" in self.path:
            self.say(json.dumps({"data": {"abuseConfidenceScore": 0, "totalReports": 0}}).encode())
        elif self.path.startswith("/api/"):
            self.say(json.dumps({"data": {"attributes": {"last_analysis_stats": {"harmless": 9},
                                                         "last_analysis_date": 1790000000}}}).encode())
        else:
            self.say(b"203.0.113.%d\\n" % (int(self.path[1:]) + 1))
    def say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 sink\\r\\n")
        while line := self.rfile.readline():
            if line.startswith(b"DATA"):
                self.wfile.write(b"354 go\\r\\n")
                while self.rfile.readline() not in (b".\\r\\n", b""):
                    pass
            self.wfile.write(b"250 ok\\r\\n")
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.read1(65536):
            pass
class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        pass
socketserver.TCPServer.allow_reuse_address = True
for kind, handler, port in ((socketserver.ThreadingTCPServer, Mail, 25),
                            (socketserver.ThreadingTCPServer, Lines, 514),
                            (socketserver.UDPServer, Datagrams, 4739),
                            (http.server.ThreadingHTTPServer, Web, 80)):
    server = kind(("0.0.0.0", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever).start()
"""


class Side:
    """A service with everything outward configured, and a neighbour that is all of its outside."""

    def __init__(self, answers):
        self.lab, self.sent, self.seconds, self.memory = Lab(), 0, [], []
        sh("ip", "-n", self.lab.a, "route", "add", "default", "via", self.lab.ip_b)
        if answers:
            for address in OUTSIDE:
                sh("ip", "-n", self.lab.b, "addr", "add", f"{address}/32", "dev", "lo")
            self.lab.start(self.lab.b, "/usr/bin/python3", "-c", STUBS)
            wait_for(lambda: self.lab.run(self.lab.a, "curl", "-s", "http://9.9.9.14/1").returncode
                     == 0, 10, "the outside answers")
        self.service = Service(self.lab, config=CONFIG)
        self.service.start()
        self.pids = self.service.pids()  # before there is a child to fetch
        self.service.set_up()
        for i in range(3):
            self.service.http("POST", "/api/v1/feeds", {"name": f"f{i}",
                                                        "url": f"http://9.9.8.{i}/{i}"})
        for i in range(20):
            self.service.http("POST", "/api/v1/reputation", {"value": f"9.9.{i}.1"})
        self.cpu_before = self.cpu()

    def scan(self, number):
        """One more source tries 200 ports."""
        lab, source = self.lab, self.lab.ip_b.rpartition(".")[0] + f".{10 + number}"
        sh("ip", "-n", lab.b, "addr", "add", f"{source}/24", "dev", lab.vb)
        lab.run(lab.b, "nmap", "-n", "-Pn", "-sS", "-S", source, "-e", lab.vb, "-p", "1-200",
                "--max-retries", "0", lab.ip_a)

    def round(self):
        """Ten pings and every page once."""
        assert self.lab.pings(self.lab.b, self.lab.ip_a, count=10, interval=0.1) == 10
        self.sent += 10
        for page in PAGES:
            began = time.monotonic()
            assert self.service.http("GET", page)[0] == 200
            self.seconds.append(time.monotonic() - began)
        assert all(is_alive(pid) for pid in self.pids.values()), "a role died"
        self.memory.append({role: resident_kb(pid) for role, pid in self.pids.items()})

    def cpu(self):
        """role -> seconds of processor."""
        ticks = os.sysconf("SC_CLK_TCK")
        fields = {role: pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                  for role, pid in self.pids.items()}
        return {role: (int(row[11]) + int(row[12])) / ticks for role, row in fields.items()}

    def incidents(self):
        """(detector, count) of those about the traffic, sorted."""
        rows = self.service.json("incident", "list")["items"]
        return sorted((row["detector"], row["src_ip"].rpartition(".")[2]) for row in rows
                      if row["detector"] == "port_scan")

    def is_balanced(self):
        """Whether every packet that came in is accounted for."""
        row = self.service.coverage()[self.lab.va, "ingress"]
        whole = row["in_flows"] + row["dropped"] + row["not_flow_sum"]
        return row["seen"] == whole and row["unattributed"] == 0 and row["seen"] >= self.sent

    def states(self):
        """name -> state of what goes out."""
        rows = {row["name"]: row["state"] for row in self.service.json("outputs")["items"]}
        feeds = self.service.json("feed", "list")["items"]
        return rows | {row["name"]: row["state"] for row in feeds}

    def report(self, name):
        """A line for the reader of the test's output."""
        spent = {role: f"{value - self.cpu_before[role]:.2f}" for role, value in self.cpu().items()}
        print(f"{name}: first kB {self.memory[0]}, last kB {end_of(self.memory)}, CPU s {spent}, pages"
              f" median {statistics.median(self.seconds) * 1e3:.1f} ms, slowest"
              f" {max(self.seconds) * 1e3:.0f} ms, {len(self.seconds)} asked, {self.states()}")

    def close(self):
        """Everything away."""
        if hasattr(self, "service"):
            self.service.close()
        self.lab.close()


def resident_kb(pid):
    """Resident memory of a process."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def end_of(rows):
    """role -> its median over the last tenth (at least three) of the rows."""
    last = rows[-max(3, len(rows) // 10):]
    return {role: statistics.median(row[role] for row in last) for role in last[0]}


def fly(seconds, scans):
    """The same for both through so many seconds with so many scans; then compared."""
    sides = {}
    try:
        sides["away"], sides["there"] = Side(False), Side(True)
        began, done = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds or done < scans:
            for side in sides.values():
                side.round()
            if done < scans and now >= done * seconds / scans:
                for side in sides.values():
                    side.scan(done)
                done += 1
        for name, side in sides.items():
            wait_for(lambda: len(side.incidents()) == scans, 30, f"{name}: {scans} scans are found")
            wait_for(side.is_balanced, 30, f"{name}: every packet is accounted for")
            side.report(name)
        compare(**sides)
    finally:
        for side in sides.values():
            side.close()


def compare(away, there):
    """What must not differ, and what must."""
    assert away.incidents() == there.incidents()
    assert away.states() == {"syslog": "down", "ipfix": "up", "webhook": "down", "mail": "down",
                             "f0": "failed", "f1": "failed", "f2": "failed"}
    assert set(there.states().values()) == {"up", "ok"}, there.states()
    ends = end_of(away.memory), end_of(there.memory)
    for role in ends[0]:
        assert abs(ends[0][role] - ends[1][role]) < APART * ends[1][role], (role, ends)
    medians = [statistics.median(side.seconds) for side in (away, there)]
    assert max(medians) < 1.5 * min(medians), medians


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    """The reputation services are outside, too."""
    monkeypatch.setenv("SLUICE_VT_URL", "http://9.9.9.15")
    monkeypatch.setenv("SLUICE_ABUSEIPDB_URL", "http://9.9.9.15")


if os.environ.get("SLUICE_SOAK"):
    def test_an_hour_with_nobody_outside_makes_no_difference_inside():
        fly(int(os.environ.get("SLUICE_AIRPLANE_S", "3600")), 10)
