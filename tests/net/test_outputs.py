"""What goes out of a running demo, as others read it: EVE lines, syslog, IPFIX, metrics."""
import collections
import hmac
import http.server
import ipaddress
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import tempfile
import threading
import urllib.error
import urllib.request

import jsonschema
import pytest

from hosts import ROOT, wait_for
from test_demo import Demo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

SCHEMA = ROOT.parent / "shared" / "data" / "eve-schema.json"


class Datagrams(threading.Thread):
    """Everything that comes to a socket."""

    def __init__(self, made):
        super().__init__(daemon=True)
        self.socket, self.got = made, []
        self.start()

    def run(self):
        while True:
            try:
                self.got.append(self.socket.recv(65536))
            except OSError:
                return


def udp():
    """A bound UDP socket on loopback."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    return made


def ipfix_sums(packets):
    """{(src, dst, proto): bytes} of IPFIX messages (RFC 7011), and the sequence checked."""
    templates, sums, expected = {}, collections.Counter(), None
    for packet in packets:
        version, length, _, sequence, _ = struct.unpack("!HHIII", packet[:16])
        assert version == 10 and length == len(packet) <= 1400
        assert expected in (None, sequence), "a message is missing"
        expected, at = sequence, 16
        while at < length:
            kind, size = struct.unpack("!HH", packet[at:at + 4])
            body, at = packet[at + 4:at + size], at + size
            if kind == 2:
                while body:
                    template, count = struct.unpack("!HH", body[:4])
                    fields = [struct.unpack("!HH", body[4 + 4 * i:8 + 4 * i]) for i in range(count)]
                    templates[template], body = fields, body[4 + 4 * count:]
                continue
            step = sum(size for _, size in templates[kind])
            for begin in range(0, len(body) - step + 1, step):
                record, offset = {}, begin
                for element, size in templates[kind]:
                    record[element] = body[offset:offset + size]
                    offset += size
                ends = tuple(str(ipaddress.ip_address(record[a if a in record else b]))
                             for a, b in ((8, 27), (12, 28)))
                sums[ends + (record[4][0],)] += int.from_bytes(record[1], "big")
                expected += 1
    return sums


@pytest.fixture
def folder():
    """A folder that the demo's user may write to."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-outputs-"))
    os.chown(made, 65534, 65534)
    yield made
    shutil.rmtree(made)


def test_lines_messages_and_records_reach_those_who_listen(folder):
    lines = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    lines.bind(str(folder / "eve.sock"))
    os.chmod(folder / "eve.sock", 0o777)
    tcp = socket.create_server(("127.0.0.1", 0))
    flows, socket_lines = Datagrams(udp()), Datagrams(lines)
    config = folder / "sluice.conf"
    config.write_text("[Export]\n"
                      f"eve_file = {folder}/eve.json\neve_socket = {folder}/eve.sock\n"
                      f"syslog = tcp://127.0.0.1:{tcp.getsockname()[1]}\nsyslog_format = cef\n"
                      f"ipfix = 127.0.0.1:{flows.socket.getsockname()[1]}\nmetrics_free = yes\n")
    demo = Demo("--seed", "7", "-c", str(config))
    try:
        demo.until_serving()
        tcp.settimeout(20)
        peer, _ = tcp.accept()
        peer.settimeout(40)
        states = wait_for(lambda: (s := demo.json("outputs")["items"]) and
                          all(row["state"] == "up" for row in s) and s, 10, "all are up")
        assert [row["name"] for row in states] == ["eve_file", "eve_socket", "syslog", "ipfix"]
        message = peer.recv(4096).decode()  # the first incident
        length, text = message.split(" ", 1)
        assert len(text.encode()) == int(length)
        assert re.match(r"<171>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ sluice - port_scan - CEF:0\|sluice\|"
                        r"sluice\|[\d.]+\|port_scan\|Vertical port scan\|6\|rt=\d+ src=[\d.]+ ",
                        text), text
        rows = {row["id"]: row for row in demo.json("incident", "list")["items"]}
        number = int(re.search(r" externalId=(\d+) ", text)[1])
        assert rows[number]["detector"] == "port_scan" and rows[number]["src_ip"] in text
        os.rename(folder / "eve.json", folder / "eve.json.1")
        wait_for((folder / "eve.json").exists, 5, "the file is opened again")
        with urllib.request.urlopen(demo.url + "/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            metrics = answer.read().decode()
        check_metrics(metrics)
        assert re.search(r'^sluice_export_sent_total\{sink="eve_file"\} [1-9]', metrics, re.M)
        assert re.search(r'^sluice_incidents_open\{severity="medium"\} [1-9]', metrics, re.M)
        assert demo.json("outputs")["dropped"] == 0
        demo.process.terminate()  # what is left is written at the end
        demo.process.wait(timeout=20)
        text = (folder / "eve.json.1").read_text() + (folder / "eve.json").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        assert {"flow", "dns", "tls", "alert"} <= {row["event_type"] for row in rows}
        check_lines(rows)
        assert b"\n".join(socket_lines.got).decode() + "\n" == text
        expected = collections.Counter()
        numbers = {"TCP": 6, "UDP": 17, "ICMP": 1, "IPv6-ICMP": 58}
        for row in (row for row in rows if row["event_type"] == "flow"):
            src, dst, proto = row["src_ip"], row["dest_ip"], numbers[row["proto"]]
            expected[src, dst, proto] += row["flow"]["bytes_toserver"]
            expected[dst, src, proto] += row["flow"]["bytes_toclient"]
        expected = {key: value for key, value in expected.items() if value}
        assert expected == ipfix_sums(flows.got)
    finally:
        demo.close()
        for made in (lines, tcp, flows.socket):
            made.close()


def check_lines(rows):
    """Every line against Suricata's own schema, where it is at hand."""
    if not SCHEMA.exists():
        return
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    for row in rows:
        errors = list(validator.iter_errors(row))
        assert not errors, (row, errors[0].message)


def check_metrics(text):
    """Prometheus' text format: families together, each with help and type, numbers for values."""
    seen, family = set(), None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in seen, family
            seen.add(family)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2:] in ([family, "counter"], [family, "gauge"])
            assert family.endswith("_total") == line.endswith("counter")
        else:
            match = re.fullmatch(r'([a-z_]+)(?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (\S+)', line)
            assert match and match[1] == family, line
            float(match[2])


def test_an_output_that_is_down_says_so_and_comes_back(folder):
    syslog = socket.create_server(("127.0.0.1", 0))
    port = syslog.getsockname()[1]
    syslog.close()  # nobody listens there now
    config = folder / "sluice.conf"
    config.write_text(f"[Export]\nsyslog = tcp://127.0.0.1:{port}\nipfix = nowhere.invalid:4739\n")
    demo = Demo("-c", str(config))
    try:
        demo.until_serving()

        def state(name):
            rows = {row["name"]: row for row in demo.json("outputs")["items"]}
            return rows.get(name, {"failures": 0})
        down = wait_for(lambda: (s := state("syslog"))["failures"] and s, 10, "it failed once")
        assert (down["state"], down["error"]) == ("down", "Nobody answers there.")
        assert state("ipfix")["error"] == "Its name has no address."
        assert demo.json("status")["status"] == "running"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(demo.url + "/metrics", timeout=5)
        assert refused.value.code == 401
        with socket.create_server(("127.0.0.1", port)):
            wait_for(lambda: state("syslog")["state"] == "up", 15, "it came back")
            assert state("syslog")["error"] is None
    finally:
        demo.close()


class Hook(http.server.BaseHTTPRequestHandler):
    """A receiver whose first answer is an error."""
    got = []

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(503 if len(self.got) == 1 else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_a_webhook_is_signed_and_tried_again(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = folder / "sluice.conf"
    config.write_text(f"[Export]\nwebhook = http://127.0.0.1:{server.server_port}/hook\n"
                      "webhook_secret = shared\nwebhook_private = yes\n")
    demo = Demo("--seed", "7", "-c", str(config))
    try:
        demo.until_serving()
        wait_for(lambda: len(Hook.got) >= 2, 40, "the second try")
        (first, body), (second, same) = Hook.got[:2]
        assert body == same and first["X-Sluice-Delivery"] == second["X-Sluice-Delivery"]
        expected = hmac.new(b"shared", body, "sha256").hexdigest()
        assert second["X-Sluice-Signature-256"] == f"sha256={expected}"
        assert second["X-Sluice-Event"] == "incident"
        assert second["Content-Type"] == "application/json"
        told = json.loads(body)
        incident = demo.json("incident", "show", str(told["id"]))
        for name in ("id", "detector", "severity", "src_ip", "dst_ip", "title", "technique"):
            assert told[name] == incident[name], name
        state = wait_for(lambda: next((row for row in demo.json("outputs")["items"]
                                       if row["sent"]), None), 10, "it counts as sent")
        assert (state["name"], state["dropped"]) == ("webhook", 0)
    finally:
        demo.close()
        server.shutdown()
        server.server_close()
