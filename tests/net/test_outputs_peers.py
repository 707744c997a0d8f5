"""Outputs of a running demo and the programs they are made for: rsyslogd, nfacctd (pmacct), nfcapd
(nfdump), promtool. And servers that misbehave."""
import collections
import http.server
import ipaddress
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

from hosts import wait_for
from test_demo import Demo
from test_outputs import folder  # noqa: F401  pylint: disable=unused-import

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")


def certificate(place, name, address):
    """A self-signed certificate and its key, readable by all."""
    cert, key = place / f"{name}.pem", place / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=IP:{address}", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    os.chmod(cert, 0o644)
    return cert, key


def free_port(kind=socket.SOCK_STREAM):
    """A port that was free just now."""
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def state(demo, name):
    """One row of `sluice outputs`."""
    rows = {row["name"]: row for row in demo.json("outputs")["items"]}
    return rows.get(name, {"failures": 0, "state": "down", "error": None, "sent": 0})


def configured(place, text, *words):
    """A demo with an [Export] section of its own."""
    path = place / f"{len(os.listdir(place))}.conf"
    path.write_text(f"[Export]\n{text}")
    return Demo("--seed", "7", "-c", str(path), *words)


# ---- syslog ------------------------------------------------------------------------------------

RSYSLOG = """
global(defaultNetstreamDriver="gtls" workDirectory="{place}"
       defaultNetstreamDriverCAFile="{cert}" defaultNetstreamDriverCertFile="{cert}"
       defaultNetstreamDriverKeyFile="{key}")
module(load="imudp") module(load="imptcp")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="whole" type="string"
         string="%inputname%|%pri%|%protocol-version%|%app-name%|%msgid%|%msg%\\n")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imptcp" address="127.0.0.1" port="{tcp}")
input(type="imtcp" address="127.0.0.1" port="{tls}")
action(type="omfile" file="{place}/got" template="whole")
"""


def test_rsyslogd_takes_udp_tcp_and_tls(folder):  # noqa: F811
    cert, key = certificate(folder, "rsyslog", "127.0.0.1")
    ports = {"udp": free_port(socket.SOCK_DGRAM), "tcp": free_port(), "tls": free_port()}
    config = folder / "rsyslog"
    config.write_text(RSYSLOG.format(place=folder, cert=cert, key=key, **ports))
    os.chmod(key, 0o644)
    with open(folder / "rsyslog.log", "wb") as log:
        server = subprocess.Popen(["rsyslogd", "-n", "-f", config, "-i", folder / "pid"],
                                  stdout=log, stderr=log)
    demos = []
    try:
        wait_for(lambda: not can_bind(ports["tls"]), 10, "rsyslogd listens")
        for scheme, port in ports.items():
            form = "cef" if scheme == "tcp" else "plain"
            demos.append(configured(folder, f"syslog = {scheme}://127.0.0.1:{port}\n"
                                            f"syslog_format = {form}\nca = {cert}\n"))
        for demo in demos:
            demo.until_serving()

        def lines():
            text = (folder / "got").read_text() if (folder / "got").exists() else ""
            got = {}
            for line in text.splitlines():
                got.setdefault(line.split("|")[0], line.split("|", 5))
            return len(got) == 3 and got
        got = wait_for(lines, 60, "a message over each of the three")
        for demo in demos:
            assert (state(demo, "syslog")["state"], state(demo, "syslog")["dropped"]) == ("up", 0)
        assert set(got) == {"imudp", "imptcp", "imtcp"}
        for way, (_, pri, version, app, detector, text) in got.items():
            assert (pri, version, app, detector) == ("171", "1", "sluice", "port_scan"), got
            assert text.startswith("CEF:0|sluice|" if way == "imptcp"
                                   else "\ufeffVertical port scan from "), text
    finally:
        for demo in demos:
            demo.close()
        server.terminate()
        server.wait(timeout=20)


def can_bind(port):
    """Whether nobody listens there."""
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) != 0


class Dripping(threading.Thread):
    """A server whose hello comes at one byte a second."""
    HELLO = b"\x16\x03\x03\x40\x00\x02"  # a handshake record of 16 KiB (RFC 8446 5.1)

    def __init__(self, port):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", port))
        self.came = threading.Event()
        self.start()

    def run(self):
        peers = {}
        self.server.settimeout(1)
        while self.server.fileno() >= 0:
            try:
                peers[self.server.accept()[0]] = 0
                self.came.set()
            except (TimeoutError, OSError):
                pass
            for peer in peers:  # pylint: disable=consider-using-dict-items
                try:
                    peer.send((self.HELLO + bytes(60))[peers[peer]:][:1])
                except OSError:
                    pass
                peers[peer] += 1


def test_bad_certificate_slow_and_hanging_up_are_said_and_it_comes_back(folder):  # noqa: F811
    cert, key = certificate(folder, "ours", "127.0.0.1")
    other, other_key = certificate(folder, "theirs", "127.0.0.1")
    wrong, wrong_key = certificate(folder, "elsewhere", "192.0.2.1")
    both = folder / "both.pem"  # the first is not in it, the second is another host's
    both.write_text(cert.read_text() + wrong.read_text())
    os.chmod(both, 0o644)
    port = free_port()
    server = TlsServer(port, other, other_key)
    demo = configured(folder, f"syslog = tls://127.0.0.1:{port}\nca = {both}\n")
    try:
        demo.until_serving()
        until_error(demo, "Its certificate is not trusted.")
        server.close()
        server = TlsServer(port, wrong, wrong_key)  # trusted, but somebody else's
        failures = state(demo, "syslog")["failures"]
        wait_for(lambda: state(demo, "syslog")["failures"] > failures, 15, "the next try")
        until_error(demo, "Its certificate is not trusted.")
        server.close()
        slow = Dripping(port)
        assert slow.came.wait(20)
        until_error(demo, "It did not answer in time.")
        assert demo.json("status")["status"] == "running"
        slow.server.close()
        slow.join()  # it looks once a second
        server = TlsServer(port, cert, key)
        wait_for(lambda: b"port_scan" in server.got, 70, "it came back, with a message")
        wait_for(lambda: state(demo, "syslog")["state"] == "up", 10, "and says so")
        assert state(demo, "syslog")["error"] is None
        length, rest = bytes(server.got).split(b" ", 1)
        assert rest.startswith(b"<171>1 ") and len(rest) >= int(length)
        server.close()  # hangs up
        wait_for(lambda: state(demo, "syslog")["error"] in ("It hung up.", "Nobody answers there."), 10,
                 "it is said")
        server = TlsServer(port, cert, key)
        wait_for(lambda: state(demo, "syslog")["state"] == "up", 10, "it came back again")
        assert state(demo, "syslog")["dropped"] == 0
    finally:
        demo.close()
        server.close()


def until_error(demo, text):
    """The state says so."""
    wait_for(lambda: state(demo, "syslog")["error"] == text, 30,
             f"{text}, not {state(demo, 'syslog')}")


class TlsServer(threading.Thread):
    """Takes what comes."""

    def __init__(self, port, cert, key):
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.server = socket.create_server(("127.0.0.1", port))
        self.got, self.peers = bytearray(), []
        self.start()

    def run(self):
        while True:
            try:
                peer = self.server.accept()[0]
                threading.Thread(target=self.read, args=(peer,), daemon=True).start()
            except OSError:
                return

    def read(self, peer):
        """Until it ends."""
        try:
            with self.context.wrap_socket(peer, server_side=True) as made:
                self.peers.append(made)
                while data := made.recv(4096):
                    self.got += data
        except OSError:
            pass

    def close(self):
        """The port is free again."""
        for made in [self.server, *self.peers]:
            try:
                made.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server.close()


# ---- EveBox ------------------------------------------------------------------------------------

class EveBox(http.server.BaseHTTPRequestHandler):
    """Answers as jasonish/evebox does: how many lines it kept. First it is somebody else, then it
    fails, then it refuses one line."""
    got, tries = [], []

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.tries.append((self.path, self.headers["Authorization"], self.headers["Content-Type"]))
        count = len(body.splitlines())
        if len(self.tries) == 1:
            answer, status = b"<html>It works!</html>", 200
        elif len(self.tries) == 2:
            answer, status = b"", 503
        else:
            self.got.append(body)
            answer, status = b'{"Count":%d}' % (count - (len(self.got) == 1)), 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def test_evebox_gets_every_line_once(folder):  # noqa: F811
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EveBox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    demo = configured(folder, f"evebox = http://127.0.0.1:{server.server_port}/box/\n"
                              f"evebox_user = me\nevebox_password = secret\n"
                              f"eve_file = {folder}/eve.json\n")
    try:
        demo.until_serving()
        wait_for(lambda: state(demo, "evebox")["error"] ==
                 "It answers, but not as EveBox does.", 10, "the wrong server is said")
        wait_for(lambda: state(demo, "evebox")["error"] == "It answered 503.", 10, "so is a failure")
        wait_for(lambda: state(demo, "evebox")["sent"], 10, "it came back")
        wait_for(lambda: len(EveBox.got) > 2, 20, "more")
        now = state(demo, "evebox")
        assert (now["state"], now["dropped"], now["error"]) == ("up", 1, None)
        demo.process.terminate()
        demo.process.wait(timeout=20)
        lines = b"".join(EveBox.got).splitlines()
        assert lines == (folder / "eve.json").read_bytes().splitlines()
        assert {json.loads(line)["event_type"] for line in lines} >= {"flow", "dns", "tls"}
        assert set(EveBox.tries) == {("/box/api/1/submit", "Basic bWU6c2VjcmV0",
                                      "application/json")}
    finally:
        demo.close()
        server.shutdown()
        server.server_close()


# ---- IPFIX and metrics -------------------------------------------------------------------------

NFACCTD = """
daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: {port}
nfacctd_time_new: true
plugins: print
aggregate: src_host, dst_host, proto
print_refresh_time: 3600
print_history: 1d
print_output: json
print_output_file: {place}/nfacctd.json
print_output_file_append: false
"""


class Relay(threading.Thread):
    """Datagrams to several receivers."""

    def __init__(self, ports):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.ports, self.count = ports, 0
        self.start()

    def run(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            for port in self.ports:
                self.socket.sendto(data, ("127.0.0.1", port))
            self.count += 1


def nfacctd_sums(path):
    """{(src, dst, proto): bytes} of what nfacctd printed."""
    numbers = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58}
    sums = collections.Counter()
    for line in path.read_text().splitlines():
        row = json.loads(line)
        proto = numbers.get(row["ip_proto"]) or int(row["ip_proto"])
        sums[row["ip_src"], row["ip_dst"], proto] += row["bytes"]
    return sums


def nfdump_sums(place):
    """The same of the files of nfcapd."""
    text = subprocess.run(["nfdump", "-R", place, "-q", "-N", "-o", "fmt:%sa,%da,%pr,%byt", "-6"],
                          check=True, capture_output=True, text=True).stdout
    numbers = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMP6": 58}
    sums = collections.Counter()
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4:
            ends = tuple(str(ipaddress.ip_address(field)) for field in fields[:2])
            sums[ends + (numbers.get(fields[2]) or int(fields[2]),)] += int(fields[3])
    return sums


def eve_sums(text):
    """The same of EVE lines."""
    numbers = {"TCP": 6, "UDP": 17, "ICMP": 1, "IPv6-ICMP": 58}
    sums = collections.Counter()
    for row in map(json.loads, text.splitlines()):
        if row["event_type"] == "flow":
            ends = row["src_ip"], row["dest_ip"]
            sums[ends + (numbers[row["proto"]],)] += row["flow"]["bytes_toserver"]
            sums[ends[::-1] + (numbers[row["proto"]],)] += row["flow"]["bytes_toclient"]
    return {key: value for key, value in sums.items() if value}


def test_nfacctd_and_nfcapd_count_the_same_bytes_and_promtool_has_no_complaint(folder):  # noqa: F811
    ports = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    (folder / "nfcapd").mkdir()
    config = folder / "nfacctd.conf"
    config.write_text(NFACCTD.format(port=ports[0], place=folder))
    log = subprocess.DEVNULL
    collectors = [subprocess.Popen(["nfacctd", "-f", config], stdout=log, stderr=log),
                  subprocess.Popen(["nfcapd", "-b", "127.0.0.1", "-p", str(ports[1]), "-t", "3600",
                                    "-w", folder / "nfcapd"], stdout=log, stderr=log)]
    relay = Relay(ports)
    demo = None
    try:
        for port in ports:
            wait_for(lambda: is_udp_bound(port), 10, "a collector listens")  # pylint: disable=W0640
        demo = configured(folder, f"eve_file = {folder}/eve.json\nmetrics_free = yes\n"
                                  f"ipfix = 127.0.0.1:{relay.socket.getsockname()[1]}\n")
        demo.until_serving()
        wait_for(lambda: state(demo, "ipfix")["sent"] > 200, 30, "flows")
        with urllib.request.urlopen(demo.url + "/metrics", timeout=5) as answer:
            metrics = answer.read()
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True,
                              check=False, timeout=30)
        assert (done.returncode, done.stdout + done.stderr) == (0, b""), done
        demo.process.terminate()
        demo.process.wait(timeout=20)
        expected = eve_sums((folder / "eve.json").read_text())
        assert len(expected) > 20
        seen = -1
        while relay.count != seen:  # all of it went through
            seen = relay.count
            time.sleep(0.3)
        for collector in collectors:
            collector.send_signal(signal.SIGINT)  # writes what it has
        for collector in collectors:
            collector.wait(timeout=20)
        assert nfdump_sums(folder / "nfcapd") == expected
        assert nfacctd_sums(folder / "nfacctd.json") == expected
    finally:
        for collector in collectors:
            if collector.poll() is None:
                collector.kill()
        if demo:
            demo.close()
        relay.socket.close()


def is_udp_bound(port):
    """Whether somebody listens on a UDP port of loopback (/proc/net/udp)."""
    with open("/proc/net/udp", encoding="ascii") as rows:
        return re.search(rf"0100007F:{port:04X} ", rows.read()) is not None
