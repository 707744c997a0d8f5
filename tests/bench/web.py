#!/usr/bin/python3
"""The web side: answers per CPU-second beside Flask with gunicorn, 10,000 live views, time of log-ins.

usage: web.py SLUICE FOLDER. FOLDER is empty and for us.
Rows: figure, bar, measured, verdict, separated by tabs.
"""
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import select
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import zlib

from base64 import urlsafe_b64encode

ROUNDS, WRK_S, PORT_FLASK = 3, 3, 5978
VIEWS, VIEWS_PER_SESSION = 10000, 16  # agent/front/sse.h: SSE_STREAMS_MAX, SSE_SESSION_MAX
SAMPLE = 10  # one view in so many is read as its browser reads it, and its snapshots are counted
SETTLE_S, VIEW_S = 8, 10
DRIPPERS, DRIP_S = 1000, 14
GUESSES = 100
PASSWORD = "a demo is no secret"
FLASK = '''
import time
from flask import Flask, jsonify
app = Flask(__name__)
BODY = %s
@app.get("/status")
def status():
    return jsonify(uptime_s=int(time.time()), **BODY)
'''


def row(figure, bar, measured, verdict=None):
    word = "-" if verdict is None else "ok" if verdict else "MISS"
    print(figure, bar, measured, word, sep="\t", flush=True)


def tree(pid):
    """A process and all below it."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid] + [p for child in children for p in tree(int(child))]


def cpu_s(pids):
    """CPU time used so far."""
    fields = [pathlib.Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split() for p in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    """Resident memory of one process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Demo:
    """A demo with a state that outlives it."""

    def __init__(self, sluice, folder):
        self.state = folder / "state"
        self.log = open(folder / "sluice.log", "ab")
        self.process = subprocess.Popen(
            [sluice, "demo", "--listen", "127.0.0.1:0", "--state", str(self.state)],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = next(l for l in self.process.stdout if l.startswith("listening on "))
        self.port = int(line.strip().rsplit(":", 1)[1])
        self.cookie = ""

    def ask(self, method, path, body=None, csrf="", source=None):
        """Status, headers, JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20,
                                                source_address=source)
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json", "Cookie": self.cookie,
                            "X-CSRF-Token": csrf})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(text or b"null")

    def log_in(self, password):
        """The cookie is kept; the token."""
        status, headers, body = self.ask("POST", "/api/v1/login",
                                         {"username": "admin", "password": password})
        assert status == 200, body
        self.cookie = headers["Set-Cookie"].split(";")[0]
        return body["csrf"]

    def roles(self):
        """Process ids of core and front."""
        core, front = tree(self.process.pid)[1:]
        return core, front

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stdout.close()
        self.log.close()


# ---- answers per CPU-second -----------------------------------------------------------------------

def wrk(url, cookie, pids):
    """Answers per CPU-second of @pids, and the 99th percentile as wrk says it."""
    before = cpu_s(pids)
    out = subprocess.run(["wrk", "-t1", "-c32", f"-d{WRK_S}", "--latency", "-H",
                          "Cookie: " + cookie, url], check=True, capture_output=True,
                         text=True).stdout
    used = cpu_s(pids) - before
    if "Non-2xx" in out:
        raise RuntimeError(f"{url}: {out}")
    return int(out.split(" requests in")[0].split()[-1]) / used


def start_flask(folder, body):
    """gunicorn with two workers, as its manual has it for two cores."""
    (folder / "flask_app.py").write_text(FLASK % repr(body))
    process = subprocess.Popen(["gunicorn", "-w", "2", "-b", f"127.0.0.1:{PORT_FLASK}",
                                "flask_app:app"], cwd=folder, stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT_FLASK)) == 0 and len(tree(process.pid)) == 3:
                return process
        time.sleep(0.1)
    raise RuntimeError("gunicorn does not serve")


def bench_answers(demo, folder):
    """Turn by turn, so that others on the machine slow all alike."""
    body = demo.ask("GET", "/api/v1/status")[2]
    del body["uptime_s"]
    flask = start_flask(folder, body)
    figures = {"flask": [], "built": [], "cached": []}
    try:
        for _ in range(ROUNDS):
            base = f"http://127.0.0.1:{demo.port}"
            figures["flask"].append(wrk(f"http://127.0.0.1:{PORT_FLASK}/status", "x=y",
                                        tree(flask.pid)))
            figures["built"].append(wrk(base + "/api/v1/session", demo.cookie, demo.roles()))
            figures["cached"].append(wrk(base + "/api/v1/status", demo.cookie, demo.roles()))
    finally:
        flask.terminate()
        flask.wait()
    middle = {name: statistics.median(values) for name, values in figures.items()}
    for name, bar, factor in (("built", 10000, 3), ("cached", 60000, 8)):
        ratio = middle[name] / middle["flask"]
        row(f"JSON {name} per request, front + core", f">= {bar // 1000}k/CPU-s, {factor}x Flask",
            f"{middle[name]:,.0f}/CPU-s, {ratio:.1f}x Flask + gunicorn",
            middle[name] >= bar and ratio >= factor)


# ---- live views -----------------------------------------------------------------------------------

def add_sessions(state, count):
    """Sessions of admin as rows: as many log-ins would take minutes. Returns their ids."""
    ids = []
    now = int(time.time() * 1000)
    with sqlite3.connect(state / "demo-main.db") as db:
        for _ in range(count):
            raw = secrets.token_bytes(32)
            ids.append(urlsafe_b64encode(raw).decode().rstrip("="))
            db.execute("INSERT INTO sessions (id_hash, user_id, csrf, peer, created_unix_ms,"
                       " seen_unix_ms) VALUES (?,1,?,?,?,?)",
                       (hashlib.blake2b(raw, digest_size=32).digest(), secrets.token_bytes(32),
                        bytes([127, 0, 0, 1]), now, now))
    return ids


def open_views(demo, ids, encoding):
    """Sockets of VIEWS event streams and what came with their heads, by descriptor."""
    views, begun = {}, {}
    for number in range(VIEWS):
        view = socket.create_connection(("127.0.0.1", demo.port), 20)
        view.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{demo.port}\r\n"
                     f"Cookie: sluice_{demo.port}={ids[number % len(ids)]}\r\n"
                     f"Accept-Encoding: {encoding}\r\n\r\n".encode())
        # one after the other: many at once are told to wait (ask.h)
        head, _, body = view.recv(1 << 16).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"view {number} was refused")
        if (b"Content-Encoding: gzip" in head) != (encoding == "gzip"):
            raise RuntimeError(f"view {number} is not {encoding}")
        view.setblocking(False)
        views[view.fileno()] = view
        begun[view.fileno()] = body
    return views, begun


class View:
    """One view that is read as a browser reads it: chunks, gzip, events. Snapshots are numbered."""

    NUMBER = re.compile(rb'event: snapshot\ndata: [^\n]*?"seq":(\d+),[^\n]*\n\n')

    def __init__(self, encoding):
        self.inflate = zlib.decompressobj(31).decompress if encoding == "gzip" else bytes
        self.raw = self.text = b""
        self.last = self.got = self.lost = 0

    def feed(self, data):
        self.raw += data
        while b"\r\n" in self.raw:
            size, _, rest = self.raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            self.text += self.inflate(rest[:length])
            self.raw = rest[length + 2:]
        for match in self.NUMBER.finditer(self.text):
            number = int(match[1])
            self.got += 1
            self.lost += number - self.last - 1 if self.last else 0
            self.last = number
        self.text = self.text[self.text.rfind(b"\n\n") + 2:]  # what has not come whole


class Listener:
    """What the views got: bytes of all, snapshots of a sample."""

    def __init__(self, demo, views, begun, encoding):
        self.demo = demo
        self.sample = {view: View(encoding) for view in list(views)[::SAMPLE]}
        for view, reader in self.sample.items():
            reader.feed(begun[view])
        self.bytes = self.closed = 0
        self.poll = select.epoll()
        for descriptor in views:
            self.poll.register(descriptor, select.EPOLLIN)

    def got(self):
        return sum(view.got for view in self.sample.values())

    def lost(self):
        return sum(view.lost for view in self.sample.values())

    def take(self, descriptor):
        """One read of one view."""
        try:
            data = os.read(descriptor, 1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed += 1
            self.poll.unregister(descriptor)
            return
        self.bytes += len(data)
        if descriptor in self.sample:
            self.sample[descriptor].feed(data)

    def listen(self, seconds):
        """Times of other requests meanwhile, in milliseconds."""
        times, end, ask_at = [], time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for descriptor, _ in self.poll.poll(0.05, 500):
                self.take(descriptor)
            if time.monotonic() >= ask_at:
                began = time.monotonic()
                self.demo.ask("GET", "/api/v1/session")
                times.append((time.monotonic() - began) * 1000)
                ask_at = time.monotonic() + 0.05
        return sorted(times)


def measure_views(demo, ids, encoding):
    """Share of a core, snapshots a second of one view, and the rest of what the rows say."""
    views, begun = open_views(demo, ids, encoding)
    listener = Listener(demo, views, begun, encoding)
    front = demo.roles()[1]
    try:
        listener.listen(SETTLE_S)  # what came while the others were opened
        before, began = cpu_s([front]), time.monotonic()
        got, had = listener.got(), listener.bytes
        times = listener.listen(VIEW_S)
        passed = time.monotonic() - began
        return {"share": 100 * (cpu_s([front]) - before) / passed,
                "rate": (listener.got() - got) / passed / len(listener.sample),
                "bytes": (listener.bytes - had) / passed / VIEWS,
                "times": times, "memory": resident_mb(front), "got": listener.got(),
                "lost": listener.lost(), "closed": listener.closed}
    finally:
        for view in views.values():
            view.close()


def bench_views(demo, ids):
    """As browsers do: they all take gzip."""
    seen = measure_views(demo, ids, "gzip")
    p99 = seen["times"][int(len(seen["times"]) * 0.99)]
    middle = seen["times"][len(seen["times"]) // 2]
    row(f"{VIEWS:,} live views: memory of front", "<= 150 MB", f"{seen['memory']:.0f} MB",
        seen["memory"] <= 150)
    row("CPU of front at one snapshot a second", "<= 20 % of a core",
        f"{seen['share']:.0f} % at {seen['rate']:.2f}/s, {seen['bytes']:.0f} bytes/s a view",
        seen["share"] <= 20)
    row(f"snapshots lost of a view in {SAMPLE}, views cut", "0, 0",
        f"{seen['lost']} of {seen['got']}, {seen['closed']}", seen["lost"] == seen["closed"] == 0)
    row("another request meanwhile, p99", "<= 20 ms", f"{p99:.1f} ms, median {middle:.1f}",
        p99 <= 20)


def bench_plain_views(demo, ids):
    """Clients that do not take gzip."""
    seen = measure_views(demo, ids, "identity")
    row("the same without gzip: CPU, memory, lost", "-",
        f"{seen['share']:.0f} % at {seen['rate']:.2f}/s, {seen['memory']:.0f} MB, "
        f"{seen['lost']} of {seen['got']}")


# ---- clients that never finish --------------------------------------------------------------------

def bench_drips(demo):
    """A byte a second from each, and what others wait meanwhile, once the first ones were cut."""
    drips = []
    for _ in range(DRIPPERS):
        drip = socket.create_connection(("127.0.0.1", demo.port), 10)
        drip.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        drips.append(drip)
    times, began, sent_at = [], time.monotonic(), 0
    while (passed := time.monotonic() - began) < DRIP_S:
        if time.monotonic() - sent_at >= 1:
            sent_at = time.monotonic()
            for drip in drips:
                try:
                    drip.send(b"x")
                except OSError:  # cut: docs/api.md, no whole request within 15 s
                    pass
        asked = time.monotonic()
        demo.ask("GET", "/api/v1/session")
        if passed >= 10:
            times.append((time.monotonic() - asked) * 1000)
        time.sleep(0.02)
    for drip in drips:
        drip.close()
    times.sort()
    p99 = times[int(len(times) * 0.99)]
    row(f"a request beside {DRIPPERS:,} dripping clients, p99", "<= 50 ms",
        f"{p99:.1f} ms, median {times[len(times) // 2]:.1f}", p99 <= 50)


# ---- log-ins --------------------------------------------------------------------------------------

def bench_guesses(demo):
    """Wrong passwords of a user and of nobody take the same time; each from an address of its own."""
    times = {"admin": [], "nobody-of-this-name": []}
    demo.cookie = ""
    for number in range(GUESSES):
        for offset, name in enumerate(times):
            source = (f"127.{7 + offset}.{number // 200}.{1 + number % 200}", 0)
            began = time.monotonic()
            status, _, body = demo.ask("POST", "/api/v1/login",
                                       {"username": name, "password": "wrong"}, source=source)
            times[name].append(time.monotonic() - began)
            assert status == 401, body
    # in pairs, one after the other, so that what the machine does meanwhile counts on both sides
    known = statistics.median(times["admin"])
    apart = statistics.median(b - a for a, b in zip(*times.values())) / known * 100
    row("log-in, unknown beside known user", "< 5 % apart",
        f"{apart:+.1f} % of {known * 1000:.0f} ms, median of {GUESSES} pairs", abs(apart) < 5)


def main():
    sluice, folder = sys.argv[1], pathlib.Path(sys.argv[2]) / "web"
    folder.mkdir()
    demo = Demo(sluice, folder)
    csrf = demo.log_in("admin")
    status, _, body = demo.ask("POST", "/api/v1/password", {"old": "admin", "new": PASSWORD}, csrf)
    assert status == 200, body
    demo.stop()
    ids = add_sessions(demo.state, -(-VIEWS // VIEWS_PER_SESSION))
    demo = Demo(sluice, folder)
    try:
        demo.log_in(PASSWORD)
        bench_answers(demo, folder)
        bench_views(demo, ids)
        bench_drips(demo)
        bench_plain_views(demo, ids)
        bench_guesses(demo)
    finally:
        demo.stop()


if __name__ == "__main__":
    main()
