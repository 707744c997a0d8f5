"""Feeds from a server that behaves, and from one that does everything else."""
import http.server
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest

from hosts import SLUICE, wait_for
from test_demo import Demo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

FORMATS = {  # path: (content, what of it becomes an entry)
    "plain": ("# a comment\r\n203.0.113.1\r\n203.0.113.0/28 ; SBL1\n\ufeff198.51.100.200\n",
              {"203.0.113.1", "203.0.113.0/28", "198.51.100.200"}),
    "spamhaus": ('{"cidr":"203.0.113.64/26","sblid":"SBL2","rir":"apnic"}\n'
                 '{"type":"metadata","timestamp":1,"copyright":"(c) 2026"}\n', {"203.0.113.64/26"}),
    "feodo": ('# Feodo\n"first_seen_utc","dst_ip","dst_port"\n'
              '"2026-01-01 00:00:00","203.0.113.99","443"\n', {"203.0.113.99"}),
    "urls": ("http://bad.example.net/x.exe\nhttps://203.0.113.77:8443/a?b\n"
             "http://u:p@worse.example.net:80/\n",
             {"bad.example.net", "203.0.113.77", "worse.example.net"}),
    "hosts": ("127.0.0.1 localhost\n0.0.0.0 ads.example.org\n127.0.0.1\ttrack.example.org\n",
              {"ads.example.org", "track.example.org"}),
    "filters": ("! title\n||spy.example.org^\n||a.example.org^$third-party\n*.wild.example.org\n",
                {"spy.example.org", "wild.example.org"}),
}


class Stub(http.server.BaseHTTPRequestHandler):
    """Paths are behaviours."""
    protocol_version = "HTTP/1.1"
    asked = []
    body = {}

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        """A whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.strip("/").split("?")[0]
        self.asked.append((name, self.headers.get("If-None-Match")))
        if name in FORMATS or name in self.body:
            text = self.body.get(name) or FORMATS[name][0]
            tag = f'"{hash(text)}"'
            if self.headers.get("If-None-Match") == tag:
                self.answer(304, ETag=tag)
            else:
                self.answer(200, text.encode(), ETag=tag)
        elif name == "huge":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"203.0.113.1\n" * 20000)
            except OSError:
                self.close_connection = True
        elif name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"203.0.113.1\n")
            self.close_connection = True
        elif name == "loop":
            self.answer(302, Location="/loop")
        elif name == "nonsense":
            self.wfile.write(b"\x00\xff nothing of HTTP\r\n\r\n")
            self.close_connection = True
        elif name == "file":
            self.answer(302, Location="file:///etc/passwd")
        else:
            self.answer(404, b"203.0.113.250\n")


@pytest.fixture(scope="module")
def web():
    """The stub, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def start(text):
    """A demo with a configuration."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-feeds-"))
    os.chown(folder, 65534, 65534)
    (folder / "sluice.conf").write_text(text)
    demo = Demo("-c", str(folder / "sluice.conf"))
    demo.folder = folder
    return demo.until_serving()


def sluice(demo, *words):
    """A command, its status and what it printed."""
    done = subprocess.run([SLUICE, *words, "--state", demo.state], check=False, timeout=150,
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def feed(demo, name):
    """One feed."""
    return next(row for row in demo.json("feed", "list")["items"] if row["name"] == name)


def viewer_feed(demo, name):
    """The same as a viewer's token gets it."""
    if not hasattr(demo, "token"):
        demo.token = sluice(demo, "token", "create", "reader", "--scopes", "read")[1].split()[0]
    request = urllib.request.Request(demo.url + "/api/v1/feeds",
                                     headers={"Authorization": "Bearer " + demo.token})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return next(row for row in json.load(answer)["items"] if row["name"] == name)


def reason(demo, name):
    """Of its list, which whoever may read sees, in reports too."""
    return next(row for row in demo.json("block", "list")["items"] if row["value"] == name)["reason"]


def entries(demo, name):
    """The entries of its list."""
    return {row["value"] for row in demo.json("block", "list", "--list", name)["items"]}


@pytest.fixture(scope="module")
def demo(web):
    """A demo that may ask loopback."""
    assert web
    made = start("[Feed]\nallow_private = yes\n")
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(made.folder)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_becomes_a_list(demo, web, name):
    status, said = sluice(demo, "feed", "add", name, f"{web}/{name}?key=secret")
    assert status == 0, said
    assert reason(demo, name) == web + "/"  # no key
    assert entries(demo, name) == FORMATS[name][1]
    row = feed(demo, name)
    assert (row["state"], row["entries"]) == ("ok", len(FORMATS[name][1]))


def test_what_did_not_change_is_not_sent_again_and_half_a_change_is_held(demo, web):
    Stub.body["news"] = "".join(f"203.0.113.{i}\n" for i in range(10))
    assert sluice(demo, "feed", "add", "news", f"{web}/news")[0] == 0
    assert sluice(demo, "feed", "refresh", "news")[0] == 0
    assert Stub.asked[-1][0] == "news" and Stub.asked[-1][1]  # conditional, answered by 304
    Stub.body["news"] += "203.0.113.20\n"
    assert sluice(demo, "feed", "refresh", "news")[0] == 0
    assert len(entries(demo, "news")) == 11
    Stub.body["news"] = "203.0.113.1\n"
    status, said = sluice(demo, "feed", "refresh", "news")
    assert status == 1 and "held" in said and "--accept" in said
    assert len(entries(demo, "news")) == 11  # the last good one
    assert sluice(demo, "feed", "refresh", "news", "--accept")[0] == 0
    assert entries(demo, "news") == {"203.0.113.1"}
    del Stub.body["news"]
    status, said = sluice(demo, "feed", "refresh", "news")
    assert status == 1 and "The server answered 404." in said
    assert entries(demo, "news") == {"203.0.113.1"}
    assert sluice(demo, "feed", "del", "news")[0] == 0
    assert not [b for b in demo.json("block", "list")["items"] if b["value"] == "news"]


def test_a_large_first_version_waits_for_a_person_and_one_taken_away_is_held(demo, web):
    Stub.body["large"] = "".join(f"203.0.{i // 250}.{i % 250}\n" for i in range(10001))
    status, said = sluice(demo, "feed", "add", "large", f"{web}/large")
    assert status == 0 and "sluice block confirm" in said, said
    row = next(b for b in demo.json("block", "list")["items"] if b["value"] == "large")
    assert row["state"] == "pending"
    assert sluice(demo, "block", "del", str(row["id"]))[0] == 0
    status, said = sluice(demo, "feed", "refresh", "large")
    assert status == 1 and "not in force" in said
    assert sluice(demo, "feed", "refresh", "large", "--accept")[0] == 0
    row = next(b for b in demo.json("block", "list")["items"] if b["value"] == "large")
    assert (row["state"], row["entries"]) == ("active", 10001)
    assert sluice(demo, "feed", "del", "large")[0] == 0


@pytest.mark.parametrize("path, why", [
    ("huge", "larger than allowed"), ("cut", "could not be understood"),
    ("loop", "redirects without end"), ("nonsense", "is not HTTP"),
    ("file", "is not HTTP"), ("missing", "answered 404")])
def test_a_server_that_is_wrong_costs_little_and_says_why(demo, web, path, why):
    began = time.monotonic()
    status, said = sluice(demo, "feed", "add", f"bad-{path}", f"{web}/{path}")
    assert status == 1 and why in said, said
    assert time.monotonic() - began < 30
    assert demo.json("status")["status"] == "running"
    assert not [b for b in demo.json("block", "list")["items"] if b["value"] == f"bad-{path}"]
    assert sluice(demo, "feed", "del", f"bad-{path}")[0] == 0


def test_nobody_there_and_bad_certificates(demo):
    status, said = sluice(demo, "feed", "add", "down", "http://127.0.0.1:9/")
    assert status == 1 and "Nobody answers there." in said
    status, said = sluice(demo, "feed", "add", "nowhere", "http://nowhere.invalid/")
    assert status == 1 and "Its name has no address." in said
    key, cert = demo.folder / "k.pem", demo.folder / "c.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        status, said = sluice(demo, "feed", "add", "tls", f"https://127.0.0.1:{server.server_port}/plain")
        assert status == 1 and "certificate is not trusted" in said, said
    finally:
        server.shutdown()
        server.server_close()


def test_a_column_of_csv_is_chosen(demo, web):
    Stub.body["misp"] = 'uuid;type;value\n"1";"domain";"misp.example.net"\n"2";"ip-dst";"203.0.113.7"\n'
    assert sluice(demo, "feed", "add", "misp", f"{web}/misp", "--column", "3")[0] == 0
    assert entries(demo, "misp") == {"misp.example.net", "203.0.113.7"}
    assert feed(demo, "misp")["column"] == 3
    for column in ("0x", "65", "-1"):
        assert sluice(demo, "feed", "add", "m2", f"{web}/misp", "--column", column)[0] in (1, 2)
    del Stub.body["misp"]


def test_a_feed_is_held_against_the_history_before_it_is_one(demo, web):
    for what in ("ip:203.0.113.10", "domain:deb.example.org"):
        wait_for(lambda w=what: demo.json("flows", "list", f"{w} since:1d", "--limit", "1")["items"],
                 60, f"{what} is in the history")
    Stub.body["before"] = "203.0.113.10\n203.0.113.16/28\n0.0.0.0/0\n127.0.0.1\nnothing at all\n"
    found = demo.json("feed", "preview", f"{web}/before")
    assert (found["entries"], found["refused"], found["lines"]) == (2, 3, 5)
    assert found["flows"] > 0 and found["complete"] and "203.0.113.10" in {
        row["entry"] for row in found["top_entries"]}
    want = demo.json("top", "ip:203.0.113.10,203.0.113.16/28 since:7d", "--by", "proto", "--limit",
                     "100")["items"]
    assert found["records"] == sum(row["records"] for row in want)
    assert sum(row["records"] for row in found["top_entries"]) == found["records"]
    assert not [b for b in demo.json("block", "list")["items"] if b["value"] == "feed-preview"]
    Stub.body["before"] = "deb.example.org\n"
    assert demo.json("feed", "preview", f"{web}/before")["top_entries"][0]["entry"] == "deb.example.org"
    status, said = sluice(demo, "feed", "preview", f"{web}/missing")
    assert status == 1 and "The server answered 404." in said
    del Stub.body["before"]


def test_a_file_and_wrong_lines_and_safe_addresses(demo):
    path = f"{demo.state}/list.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write("203.0.113.5\n0.0.0.0/0\n127.0.0.1\nnot an address\n192.0.2.10\n")
    own = demo.json("block", "test", "192.0.2.10")["verdict"]
    status, said = sluice(demo, "feed", "add", "local", f"file://{path}")
    assert status == 0, said
    assert own == "safe" and feed(demo, "local")["refused"] >= 3
    assert demo.json("block", "test", "192.0.2.10")["verdict"] == "safe"
    assert "203.0.113.5" in entries(demo, "local")
    assert sluice(demo, "feed", "add", "local", f"file://{path}")[0] == 1  # the name is taken
    for bad in (("bad name", "http://x/"), ("x", "ftp://x/"), ("x", "file://etc/x")):
        assert sluice(demo, "feed", "add", *bad)[0] == 1


def test_private_addresses_are_refused_by_default_and_feeds_outlive_a_restart(web):
    made = start("")
    try:
        status, said = sluice(made, "feed", "add", "inside", f"{web}/plain")
        assert status == 1 and "private address" in said, said
        assert ("plain", None) not in Stub.asked[-1:]
        for six in ("2002:7f00:1::", "2001:db8::1", "64:ff9b::7f00:1"):  # ways around it
            status, said = sluice(made, "feed", "add", "six", f"http://user:key@[{six}]:1/a?k=1")
            assert status == 1 and "private address" in said, said
            assert feed(made, "six")["url"].endswith("/a?k=1")
            assert viewer_feed(made, "six")["url"] == f"http://[{six}]:1/"  # the key is no viewer's
            assert sluice(made, "feed", "del", "six")[0] == 0
        offered = made.json("feed", "list", "--offered")["items"]
        assert len(offered) > 8 and all(row["licence"] for row in offered)
        wait_for(lambda: feed(made, "inside")["state"] == "failed", 5, "said so")
        made.process.terminate()
        made.process.wait(timeout=20)
        made.process.stdout.close()
        made.process = subprocess.Popen(made.process.args, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        made.output = []
        made.until_serving()
        assert feed(made, "inside")["error"]
    finally:
        made.close()
        shutil.rmtree(made.folder)
