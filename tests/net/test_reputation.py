"""VirusTotal and AbuseIPDB as a stub on loopback speaks them, with their faults."""
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest

from hosts import SLUICE, Lab, Service, sh, wait_for
from test_demo import Demo, log_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

STATS = {"harmless": 60, "malicious": 0, "suspicious": 0, "undetected": 10, "timeout": 0}


class Stub(http.server.BaseHTTPRequestHandler):
    """Both services; names choose what they say."""
    asked = []
    fault = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = urllib.parse.urlparse(self.path)
        value = path.path.rsplit("/", 1)[1]
        if path.path == "/api/v2/check":
            value = urllib.parse.parse_qs(path.query)["ipAddress"][0]
            assert self.headers["Key"] == "abuse-key"
        else:
            assert self.headers["x-apikey"] == "vt-key"
        self.asked.append((path.path.split("/")[2], value))
        if self.fault == "leads away":
            self.send_response(302)
            self.send_header("Location", f"http://{self.headers['Host']}/api/v3/domains/stolen")
            self.end_headers()
            return
        if self.fault:
            status, body = self.fault
        elif path.path == "/api/v2/check":
            status, body = 200, {"data": {"ipAddress": value, "abuseConfidenceScore": 90,
                                          "totalReports": 12, "countryCode": "DE", "isp": "Net",
                                          "lastReportedAt": "2026-11-01T10:00:00+00:00"}}
        elif value.startswith("unknown"):
            status, body = 404, {"error": {"code": "NotFoundError", "message": "no"}}
        else:
            bad = {"1.2.3.4": 2, "one.bad.org": 1}.get(value, 0)
            status, body = 200, {"data": {"attributes": {
                "last_analysis_stats": {**STATS, "malicious": bad}, "reputation": -5,
                "last_analysis_date": 1790000000, "as_owner": "Owner", "country": "US"}}}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def stub():
    """Its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Asker:
    """A demo with keys for the stub."""

    def __init__(self, stub):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-reputation-"))
        os.chown(self.folder, 65534, 65534)
        (self.folder / "c.conf").write_text("[API]\nvirustotal_key = vt-key\n"
                                            "abuseipdb_key = abuse-key\nask_new = no\n"
                                            "[Capture]\nlocal_networks = 9.8.0.0/16\n")
        self.environment = {**os.environ, "SLUICE_VT_URL": stub, "SLUICE_ABUSEIPDB_URL": stub}
        self.demo = Demo("-c", str(self.folder / "c.conf"), environment=self.environment)
        self.demo.until_serving()
        log_in(self.demo)

    def ask(self, value):
        """What asking for it answers."""
        return self.demo.http("POST", "/api/v1/reputation", {"value": value})

    def known(self, value, count=1):
        """Once it is known."""
        def items():
            body = self.demo.http("GET", f"/api/v1/reputation?value={value}")[1]
            return body["items"] if len(body["items"]) >= count and not body["queued"] else None
        return {row["provider"]: row for row in wait_for(items, 20, f"{value} is known")}

    def state(self, provider="virustotal"):
        """How a provider does."""
        body = self.demo.http("GET", "/api/v1/reputation?value=x")[1]
        return next(row for row in body["providers"] if row["provider"] == provider)

    def restart(self):
        """The same state, a new process."""
        self.demo.process.terminate()
        self.demo.process.wait(timeout=20)
        self.demo.process.stdout.close()
        self.demo.process = subprocess.Popen(self.demo.process.args, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, text=True,
                                             env=self.environment)
        self.demo.output = []
        self.demo.until_serving()
        status, body = self.demo.http("POST", "/api/v1/login", {
            "username": "admin", "password": "a much better password"})
        assert status == 200, body
        self.demo.csrf = body["csrf"]

    def close(self):
        """Everything away."""
        self.demo.close()
        shutil.rmtree(self.folder)


def test_verdicts_limits_and_what_is_never_told(stub):
    asker = Asker(stub)
    try:
        for value in ("192.168.1.1", "10.0.0.1", "192.0.2.10", "203.0.113.5", "fe80::1",
                      "2001:db8::1", "127.0.0.1", "printer.local", "nas", "host.corp", "224.0.0.1",
                      "9.8.7.6"):
            status, body = asker.ask(value)
            assert (status, body["error"]["code"]) == (422, "private"), value
        for value in ("", "a b", "http://x.org/", "x" * 300 + ".org"):
            assert asker.ask(value)[1]["error"]["code"] in ("invalid",), value
        assert subprocess.run([SLUICE, "safe", "add", "9.9.9.0/24", "--state", asker.demo.state],
                              check=False).returncode == 0
        assert asker.ask("9.9.9.9")[1]["error"]["code"] == "private"  # on the safe list
        assert not Stub.asked
        assert asker.ask("1.2.3.4")[0] == 202
        rows = asker.known("1.2.3.4", 2)
        row = rows["virustotal"]
        assert (row["verdict"], row["malicious"], row["harmless"]) == ("high", 2, 60)
        assert row["link"] == "https://www.virustotal.com/gui/ip-address/1.2.3.4"
        assert (row["owner"], row["country"], row["score"]) == ("Owner", "US", -5)
        assert row["analysed"].startswith("2026-09-21")
        assert rows["abuseipdb"]["verdict"] == "high" and rows["abuseipdb"]["reports"] == 12
        assert asker.ask("1.2.3.4")[0] == 200 and len(Stub.asked) == 2  # kept, not asked again
        asker.ask("One.Bad.org.")
        assert asker.known("one.bad.org")["virustotal"]["verdict"] == "medium"
        asker.ask("unknown.bad.org")
        assert asker.known("unknown.bad.org")["virustotal"]["verdict"] == "unknown"
        asker.ask("clean.bad.org")
        assert asker.known("clean.bad.org")["virustotal"]["verdict"] == "clean"
        assert asker.state()["left_today"] == 496
        asked = len(Stub.asked)
        assert asker.ask("fifth.bad.org")[0] == 202  # four went in this minute
        time.sleep(3)  # nothing may happen: there is no event to wait for
        assert len(Stub.asked) == asked
        asker.restart()
        assert asker.state()["left_today"] == 496  # kept
        assert asker.known("1.2.3.4", 2)["virustotal"]["verdict"] == "high"
        assert len(Stub.asked) == asked
    finally:
        asker.close()


@pytest.mark.parametrize("fault, why", [
    ((429, {"error": {"code": "QuotaExceededError"}}), "The key's quota is used up."),
    ((200, b"x" * (2 << 20)), "early"), ((200, {"data": []}), "could not be understood"),
    ("leads away", "leads elsewhere")])
def test_a_provider_that_fails_is_paused_and_says_why(stub, fault, why):
    Stub.fault = fault
    asker = Asker(stub)
    try:
        asker.ask("some.bad.org")
        error = wait_for(lambda: asker.state()["error"], 20, "it says so")
        assert why in error
        assert asker.demo.http("GET", "/api/v1/status")[0] == 200
        assert "stolen" not in [value for _, value in Stub.asked]
        asked = len(Stub.asked)
        assert asker.ask("more.bad.org")[0] == 202
        time.sleep(2)  # nothing may happen: there is no event to wait for
        assert len(Stub.asked) == asked
    finally:
        Stub.fault = None
        asker.close()


NEIGHBOUR = """
import http.server, sys
class Stub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[1], "a") as file:
            print(self.path, file=file)
        self.send_response(404)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", 8400), Stub).serve_forever()
"""
QUESTION = """
import socket, sys
for name in sys.argv[2:]:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(bytes([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + labels + bytes([0, 0, 1, 0, 1]), (sys.argv[1], 53))
"""


def test_new_outside_names_and_addresses_are_asked_about_by_themselves(tmp_path):
    lab, heard = Lab(), tmp_path / "asked"
    sh("ip", "-n", lab.a, "route", "add", "default", "via", lab.ip_b)
    lab.start(lab.a, "/usr/bin/python3", "-c", NEIGHBOUR, str(heard))
    os.environ["SLUICE_VT_URL"] = os.environ["SLUICE_ABUSEIPDB_URL"] = "http://127.0.0.1:8400"
    service = Service(lab, config="[API]\nvirustotal_key = k\nabuseipdb_key = k\n")

    def asked():
        return heard.read_text().split() if heard.exists() else []

    try:
        service.start()
        lab.run(lab.a, "ping", "-c", "1", "-W", "1", "9.9.9.9")
        lab.run(lab.b, "/usr/bin/python3", "-c", QUESTION, lab.ip_a, "new.bad.org", "nas.lan",
                "printer.local")
        wait_for(lambda: len(set(asked())) == 3, 90, "three questions")
        assert set(asked()) == {"/api/v3/domains/new.bad.org", "/api/v3/ip_addresses/9.9.9.9",
                                "/api/v2/check?ipAddress=9.9.9.9&maxAgeInDays=90"}
        known = service.json("reputation", "9.9.9.9")
        assert {row["verdict"] for row in known["items"]} == {"unknown"}
        left = {row["provider"]: row["left_today"] for row in known["providers"]}
        assert left["virustotal"] == 498 and left["abuseipdb"] == 999
    finally:
        del os.environ["SLUICE_VT_URL"], os.environ["SLUICE_ABUSEIPDB_URL"]
        service.close()
        lab.close()
