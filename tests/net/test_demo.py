"""The demo as a person without privileges starts it."""
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import pytest

from hosts import SLUICE, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]


class Demo:
    """`sluice demo` as nobody, on loopback; requests with its cookie."""

    def __init__(self, *arguments, environment=None):
        self.state = tempfile.mkdtemp(prefix="sluice-net-demo-")
        os.chown(self.state, 65534, 65534)
        command = NOBODY + [SLUICE, "demo", "--listen", "127.0.0.1:0", "--state", self.state,
                            *arguments]
        self.began = time.monotonic()
        self.began_at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=environment)
        self.url, self.cookie, self.csrf, self.output = "", "", "", []

    def until_serving(self):
        """Read its lines up to the address."""
        for line in iter(self.process.stdout.readline, ""):
            self.output.append(line)
            found = re.search(r"listening on (\S+)", line)
            if found:
                self.url = found[1]
                return self
        raise AssertionError("".join(self.output))

    def http(self, method, path, body=None):
        """(status, decoded body)"""
        headers = {"Cookie": self.cookie, "X-CSRF-Token": self.csrf,
                   "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text, cookie = answer.status, answer.read(), answer.headers["Set-Cookie"]
        except urllib.error.HTTPError as answer:
            status, text, cookie = answer.code, answer.read(), None
        if cookie:
            self.cookie = cookie.split(";")[0]
        return status, json.loads(text) if text.startswith((b"{", b"[")) else text.decode()

    def json(self, *words):
        """A command's JSON, through the control socket."""
        done = subprocess.run([SLUICE, *words, "-o", "json", "--state", self.state], check=True,
                              capture_output=True, text=True, timeout=30)
        return json.loads(done.stdout)

    def truth(self):
        """What really happened, as far as it is over."""
        with open(f"{self.state}/truth.ndjson", encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def close(self):
        """End it and take its files away."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()
        subprocess.run(["rm", "-rf", self.state], check=True)


@pytest.fixture
def demo():
    """A running demo."""
    made = Demo()
    try:
        yield made.until_serving()
    finally:
        made.close()


def log_in(demo):
    """admin/admin, then the change that is forced."""
    status, body = demo.http("POST", "/api/v1/login", {"username": "admin", "password": "admin"})
    assert status == 200 and body["user"]["must_change"] is True, body
    demo.csrf = body["csrf"]
    status, body = demo.http("GET", "/api/v1/flows")
    assert status == 403 and body["error"]["code"] == "password_change_required"
    status, body = demo.http("POST", "/api/v1/password",
                             {"old": "admin", "new": "a much better password"})
    assert status == 200 and body["user"]["must_change"] is False, body
    demo.csrf = body["csrf"]


def test_page_in_5_s_incident_in_30_s_and_blocks_work(demo):
    with urllib.request.urlopen(demo.url + "/login", timeout=5) as page:
        assert page.status == 200 and b"<html" in page.read().lower()
    assert time.monotonic() - demo.began < (5 if os.getloadavg()[0] <= 4 * os.cpu_count() else 10)
    log_in(demo)
    assert demo.http("GET", "/api/v1/session")[1]["mode"] == "demo"
    incident = wait_for(lambda: next((row for row in demo.json("incident", "list")["items"]
                                      if row["first_seen"] > demo.began_at), None), 30,
                        "the first incident")
    print(f"first incident after {time.monotonic() - demo.began:.1f} s")
    assert time.monotonic() - demo.began < 30
    attack = wait_for(lambda: next((row for row in demo.truth() if row["start"] > demo.began_at),
                                   None), 20, "the attack's end in truth.ndjson")
    assert set(attack) == {"start", "end", "detector", "src_ip", "dst_ip"}
    assert (attack["src_ip"], attack["detector"]) == (incident["src_ip"], incident["detector"])
    busy = next(row["ip"] for row in demo.json("top")["items"] if row["ip"].startswith("198.51.100"))
    prefix = busy.rsplit(".", 1)[0] + ".0/24"
    status, block = demo.http("POST", "/api/v1/blocks", {"value": prefix})
    assert status == 201, block
    wait_for(lambda: demo.json("block", "list")["items"][0]["hits"] > 0, 10, "visitors are dropped")
    rows = demo.json("coverage")["ifaces"]
    for row in rows:
        assert row["seen"] == row["in_flows"] + row["dropped"] + sum(row["not_flow"].values()) \
            + row["unattributed"], row


def test_the_day_before_is_filled_in(demo):
    log_in(demo)
    wait_for(lambda: demo.http("GET", "/api/v1/status")[0] == 200, 5, "it counts")
    status, series = demo.http("GET", "/api/v1/series?seconds=86400&step=600")
    assert status == 200 and len(series["items"]) >= 143
    assert sum(1 for item in series["items"] if item["packets_in"] > 0) >= 142
    assert time.monotonic() - demo.began < (8 if os.getloadavg()[0] <= 4 * os.cpu_count() else 16)
    # the attacks of that day, found by the detectors: all of them, and no other above low
    truth = {(row["detector"], row["src_ip"]) for row in demo.truth()
             if row["start"] < demo.began_at}
    past = [row for row in demo.json("incident", "list", "--limit", "500")["items"]
            if row["first_seen"] < demo.began_at]
    assert len(truth) >= 15
    assert truth <= {(row["detector"], row["src_ip"]) for row in past}
    assert not [row for row in past if row["severity"] != "low"
                and (row["detector"], row["src_ip"]) not in truth]
    scan = next(row for row in past if row["detector"] == "port_scan")
    flows = demo.json("flows", "list", f"src:{scan['src_ip']}", "--from", "2d")
    assert flows["items"], "its flows are in the history"


def test_for_ends_by_itself_with_a_summary_and_a_seed_repeats():
    attacks = []
    for _ in range(2):
        made = Demo("--seed", "7", "--speed", "20", "--for", "8s")
        try:
            made.until_serving()
            rest = made.process.communicate(timeout=30)[0]
            assert made.process.returncode == 0
            assert re.search(r"stopped: \d+ packets counted", rest), rest
            with open(f"{made.state}/truth.ndjson", encoding="utf-8") as file:
                rows = sorted(map(json.loads, file), key=lambda row: row["start"])
            attacks.append([(row["src_ip"], row["detector"]) for row in rows])
        finally:
            if made.process.poll() is None:
                made.process.kill()
            subprocess.run(["rm", "-rf", made.state], check=True)
    short = min(map(len, attacks))
    assert short >= 1 and attacks[0][:short] == attacks[1][:short]


def test_a_state_folder_of_its_own_is_printed():
    home = tempfile.mkdtemp(prefix="sluice-net-home-")
    os.chown(home, 65534, 65534)
    for environment, begins in (({"XDG_STATE_HOME": home}, home + "/sluice-demo"), ({}, "/tmp/")):
        command = NOBODY + [SLUICE, "demo", "--listen", "127.0.0.1:0", "--for", "1s"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30,
                              env={"PATH": os.environ["PATH"], **environment})
        assert done.returncode == 0, done.stderr
        place = re.search(r"state in (\S+)", done.stdout)[1]
        assert place.startswith(begins)
        subprocess.run(["rm", "-rf", place], check=True)
    subprocess.run(["rm", "-rf", home], check=True)
