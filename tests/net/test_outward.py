"""What goes out may fail in every way, and nothing else notices: servers that lead inside, drip, never
end or unpack without end; and airplane mode, with every outward host unreachable."""
import os
import pathlib
import re
import subprocess
import threading
import time

import pytest

from hosts import SLUICE, Lab, Service, sh, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and XDP need root")

PUBLIC = "9.9.9.10"  # of the neighbour, by route; no packet leaves the two namespaces
LIMIT_MB = 30        # what core may grow by while servers send without end

SERVER = """
import http.server, sys, time, zlib
class Stub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_GET(self):
        name = self.path.strip("/")
        with open(sys.argv[3], "a") as file:
            print(sys.argv[1], name, file=file)
        if name in ("loopback", "neighbour", "own"):
            self.send_response(302)
            self.send_header("Location", {"loopback": "http://127.0.0.1:8401/secret",
                "neighbour": "http://%s:8401/secret" % sys.argv[4], "own": "http://[::1]:8401/"}[name])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        try:
            if name == "large":
                self.send_header("Content-Length", str(10 << 30))
                self.end_headers()
                self.wfile.write(b"9.9.9.9\\n")
                time.sleep(60)
            elif name == "drip":
                self.end_headers()
                while True:
                    self.wfile.write(b"9")
                    self.wfile.flush()
                    time.sleep(1)
            elif name == "bomb":
                self.send_header("Content-Encoding", "gzip")
                self.end_headers()
                pack = zlib.compressobj(9, zlib.DEFLATED, 31)
                for _ in range(4000):
                    self.wfile.write(pack.compress(b"9.9.9.9\\n" * 131072))
            else:
                self.send_header("Content-Length", "8")
                self.end_headers()
                self.wfile.write(b"9.9.9.9\\n")
        except OSError:
            self.close_connection = True
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Stub).serve_forever()
"""

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


class Out:
    """A service whose whole outside is its neighbour."""

    def __init__(self, tmp_path, config=""):
        self.lab, self.heard = Lab(), tmp_path / "heard"
        sh("ip", "-n", self.lab.a, "route", "add", "default", "via", self.lab.ip_b)
        self.service = Service(self.lab, config=config)
        self.service.start()

    def serve(self, where, address, port):
        """A server of every fault there."""
        self.lab.start(where, "/usr/bin/python3", "-c", SERVER, address, str(port), str(self.heard),
                       self.lab.ip_b)
        wait_for(lambda: self.lab.run(where, "curl", "-s", f"http://{address}:{port}/up").returncode
                 == 0, 10, "the server answers")

    def core_mb(self):
        """Resident memory of core."""
        text = pathlib.Path(f"/proc/{self.service.pids()['core']}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def close(self):
        """Everything away."""
        self.service.close()
        self.lab.close()


def test_servers_that_lead_inside_drip_or_never_end_are_refused_at_a_bounded_cost(tmp_path):
    out = Out(tmp_path)
    service, lab = out.service, out.lab
    try:
        sh("ip", "-n", lab.b, "addr", "add", f"{PUBLIC}/32", "dev", "lo")
        out.serve(lab.b, PUBLIC, 8400)
        out.serve(lab.a, "127.0.0.1", 8401)
        out.serve(lab.b, lab.ip_b, 8401)
        assert service.cli("feed", "add", "good", f"http://{PUBLIC}:8400/good")[0] == 0
        before = out.core_mb()
        for name, why in (("loopback", "private address"), ("neighbour", "private address"),
                          ("own", "private address"), ("large", "larger than allowed"),
                          ("bomb", "larger than allowed")):
            began = time.monotonic()
            status, _, said = service.cli("feed", "add", name, f"http://{PUBLIC}:8400/{name}")
            rows = {row["name"]: row for row in service.json("feed", "list")["items"]}
            assert status == 1 and why in rows[name]["error"], (name, said, rows[name])
            assert time.monotonic() - began < 25, name
            assert service.cli("feed", "del", name)[0] == 0
        drip = threading.Thread(target=service.cli, args=(
            "feed", "add", "drip", f"http://{PUBLIC}:8400/drip"))
        drip.start()
        while drip.is_alive():  # some 20 s; meanwhile all else goes on
            assert service.http("GET", "/healthz")[0] == 200
            assert lab.pings(lab.b, lab.ip_a, count=2) == 2
        row = next(row for row in service.json("feed", "list")["items"] if row["name"] == "drip")
        assert row["error"] == "It did not answer in time."
        assert "secret" not in out.heard.read_text()
        assert out.core_mb() - before < LIMIT_MB
        assert service.json("block", "test", "9.9.9.9")["verdict"] == "drop"  # the good one stays
    finally:
        out.close()


def airplane(tmp_path, seconds):
    """With everything outward configured and nobody there; what was seen at the end."""
    out = Out(tmp_path, CONFIG)
    service, lab = out.service, out.lab
    try:
        service.set_up()
        for i in range(3):
            service.http("POST", "/api/v1/feeds", {"name": f"f{i}", "url": f"https://9.9.8.{i}/"})
        for i in range(20):
            service.http("POST", "/api/v1/reputation", {"value": f"9.9.{i}.1"})
        first, end, sent, slowest = out.core_mb(), time.monotonic() + seconds, 0, 0.0
        while time.monotonic() < end:
            assert lab.pings(lab.b, lab.ip_a, count=10, interval=0.1) == 10
            sent += 10
            for page in ("/healthz", "/login", "/api/v1/status", "/api/v1/flows"):
                began = time.monotonic()
                assert service.http("GET", page)[0] == 200
                slowest = max(slowest, time.monotonic() - began)
        lab.run(lab.b, "nmap", "-n", "-Pn", "-sS", "-p", "1-200", "--max-retries", "0", lab.ip_a)
        wait_for(lambda: [row for row in service.json("incident", "list")["items"]
                          if row["detector"] == "port_scan"], 5, "the scan is found")
        def balanced():
            row = service.coverage()[lab.va, "ingress"]
            whole = row["in_flows"] + row["dropped"] + row["not_flow_sum"]
            return row["seen"] == whole and row["unattributed"] == 0 and row["seen"] >= sent

        wait_for(balanced, 10, "every packet is accounted for")
        assert slowest < 2, slowest
        outputs = {row["name"]: row for row in service.json("outputs")["items"]}
        assert outputs["syslog"]["state"] == "down" and outputs["syslog"]["error"]
        assert {row["state"] for row in service.json("feed", "list")["items"]} <= {"failed", "new"}
        assert out.core_mb() - first < 8, "core grows"
    finally:
        out.close()


def test_airplane_mode_changes_nothing_inside(tmp_path):
    airplane(tmp_path, 8)


def test_check_says_what_mail_and_outputs_lack(tmp_path):
    config = tmp_path / "c.conf"
    for text, why in (("[Mail]\nurl = http://x\n", "[Mail] url is smtp://"),
                      ("[Mail]\nurl = smtp://x\nfrom = nobody\n", "[Mail] from is one address"),
                      ("[Export]\nsyslog = ftp://x\n", "[Export] syslog"),
                      ("[Export]\nwebhook = nonsense\n", "[Export] webhook")):
        config.write_text(text)
        done = subprocess.run([SLUICE, "check", "-c", config], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 78 and why in done.stdout + done.stderr, (text, done)
