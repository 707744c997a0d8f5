#!/usr/bin/python3
"""What the running service costs and how fast it is: start, first page, block, CPU, memory.

usage: service.py SLUICE FOLDER INTERFACE ADDRESS PEER_NAMESPACE PEER_ADDRESS [SECONDS]
Runs in a network namespace where INTERFACE has ADDRESS; PEER_ADDRESS is at its other end, in
PEER_NAMESPACE. FOLDER is empty and for us. Rows: figure, bar, measured, verdict, separated by tabs.
"""
import gzip
import http.client
import json
import mmap
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

ROUNDS = 9
START_BAR_S, PAGE_BAR_KB, BLOCK_BAR_MS, CPU_BAR, MEMORY_BAR_MB = 1.0, 200, 100, 1.0, 64
FLOWS, PER_SECOND, PORT = 1000, 3, 4000
TRAFFIC = str(pathlib.Path(__file__).with_name("traffic.py"))
BPFFS = pathlib.Path("/run/sluice-bpf")  # of our own mount namespace: run.sh mounts it


def row(figure, bar, measured, verdict=None):
    word = "-" if verdict is None else "ok" if verdict else "MISS"
    print(figure, bar, measured, word, sep="\t", flush=True)


class Service:
    """One sluice from exec to exit, with fresh state unless it shall keep what is there."""

    def __init__(self, sluice, folder, arguments, keeps=False):
        self.state = folder / "state"
        if not keeps:
            shutil.rmtree(self.state, ignore_errors=True)
        self.log = open(folder / "sluice.log", "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sluice, *arguments, "--listen", "127.0.0.1:0", "--state", str(self.state)],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port, self.token, self.headers = self.read_address(), None, {}
        for path in ("/healthz", "/api/v1/session"):
            status, _, _ = self.ask("GET", path)
            if status != 200:
                raise RuntimeError(f"{path} answers {status}")
        self.start_s = time.monotonic() - began

    def read_address(self):
        for line in self.process.stdout:
            match = re.match(r"listening on http://127\.0\.0\.1:(\d+)", line)
            if match:
                return int(match[1])
        raise RuntimeError("sluice ended before it served; see its log")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, text

    def log_in(self):
        """Set up the administrator by the link the service printed."""
        line = next(l for l in self.process.stdout if l.startswith("set up: "))
        account = {"token": line.strip().split("#")[1], "username": "bench",
                   "password": os.urandom(16).hex()}
        status, headers, text = self.ask("POST", "/api/v1/setup", account)
        if status != 200:
            raise RuntimeError(f"setup answers {status}: {text}")
        self.headers = {"Cookie": headers["Set-Cookie"].split(";")[0],
                        "X-CSRF-Token": json.loads(text)["csrf"]}

    def processes(self):
        """The loader and its children, core and front."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid] + [int(child) for child in children]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        for pins in BPFFS.iterdir() if BPFFS.is_dir() else ():
            if pins.is_dir():
                shutil.rmtree(pins)


# ---- start -----------------------------------------------------------------------------------

def bench_start(sluice, folder, name, arguments):
    times = []
    for _ in range(ROUNDS):
        service = Service(sluice, folder, arguments)
        times.append(service.start_s)
        service.stop()
    best, median = min(times), statistics.median(times)
    row(f"start to serving, {name}, first start", f"<= {START_BAR_S:.0f} s",
        f"median (min) of {ROUNDS}: {median:.2f} s ({best:.2f} s)", median <= START_BAR_S)


# ---- first page ------------------------------------------------------------------------------

def fetch(service, path):
    """Bytes on the wire with headers, the redirect's target, the decoded body."""
    request = (f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nConnection: close\r\n"
               f"Accept-Encoding: gzip\r\nCookie: {service.headers['Cookie']}\r\n\r\n")
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(request.encode())
        while data := connection.recv(65536):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if status not in (200, 303):
        raise RuntimeError(f"{path} answers {status}")
    if re.search(rb"(?mi)^transfer-encoding: *chunked", head):
        raise RuntimeError(f"{path} comes in chunks")
    if re.search(rb"(?mi)^content-encoding: *gzip", head):
        body = gzip.decompress(body)
    location = re.search(rb"(?mi)^location: *(\S+)", head)
    return len(received), location[1].decode() if location else None, body.decode()


def needs(path, text):
    """What a page, script or style sheet pulls in at once; views of other pages come later."""
    found = re.findall(r'<(?:link[^>]*href|script[^>]*src)="([^"]+)"', text)
    if path.endswith(".js"):
        found += re.findall(r'(?m)^(?:import|export)\s[^;]*?from\s+"([^"]+)"', text)
        found += re.findall(r'(?m)^import\s+"([^"]+)"', text)
        found += re.findall(r'"(/vendor/[^"]+)"', text)  # charts.js adds them when it first draws
    if path.endswith(".css"):
        found += re.findall(r'url\("?(/[^")]+)"?\)', text)
    base = path.rsplit("/", 1)[0] + "/"
    return [os.path.normpath(base + name) if name.startswith(".") else name for name in found]


def bench_page(service):
    wanted, seen, total = ["/"], set(), 0
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        size, location, text = fetch(service, path)
        total += size
        wanted += [location] if location else needs(path, text)
    session, _, _ = fetch(service, "/api/v1/session")
    row("first page: index.html and what it pulls in", f"<= {PAGE_BAR_KB} KB",
        f"{total / 1000:.1f} KB with headers in {len(seen)} requests, gzip; "
        f"session {session / 1000:.1f} KB", total + session <= PAGE_BAR_KB * 1000)
    row("first page: painted", "<= 1 s", "in the browser tests: tests/web")


# ---- block -----------------------------------------------------------------------------------

def drained(receiver):
    """Number of the last packet that comes before 250 ms of silence."""
    last = -1
    receiver.settimeout(0.25)
    try:
        while True:
            last = struct.unpack("<Q", receiver.recv(64))[0]
    except TimeoutError:
        return last


def block_once(service, receiver, stamps, address):
    """Milliseconds from the request to the sending of the first packet that did not come."""
    receiver.settimeout(5)
    receiver.recv(64)
    began = time.monotonic_ns()
    status, _, text = service.ask("POST", "/api/v1/blocks", {"value": address, "reason": "bench"})
    answered = time.monotonic_ns()
    if status != 201:
        raise RuntimeError(f"block answers {status}: {text}")
    first_lost = drained(receiver) + 1
    sent = struct.unpack_from("<Q", stamps, first_lost * 8)[0]
    status, _, text = service.ask("DELETE", f"/api/v1/blocks/{json.loads(text)['id']}")
    if status != 200:
        raise RuntimeError(f"unblock answers {status}: {text}")
    return (sent - began) / 1e6, (answered - began) / 1e6


def bench_block(service, folder, address, peer):
    namespace, peer_address = peer
    path = folder / "stamps"
    with open(path, "w+b") as file:
        file.truncate((1 << 19) * 8)
        stamps = mmap.mmap(file.fileno(), 0)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((address, PORT))
    flood = in_namespace(namespace, "flood", address, str(PORT), str(path))
    try:
        results = [block_once(service, receiver, stamps, peer_address) for _ in range(ROUNDS)]
    finally:
        end(flood)
        receiver.close()
    drops, answers = zip(*results)
    row("block over the API to the first drop", f"<= {BLOCK_BAR_MS} ms",
        f"median (worst) of {ROUNDS}: {statistics.median(drops):.1f} ms ({max(drops):.1f} ms); "
        f"answer {statistics.median(answers):.1f} ms ({max(answers):.1f} ms)",
        max(drops) <= BLOCK_BAR_MS)


# ---- CPU and memory --------------------------------------------------------------------------

def in_namespace(namespace, *arguments):
    command = [sys.executable, TRAFFIC, *arguments]
    if namespace:
        command = ["ip", "netns", "exec", namespace, *command]
    return subprocess.Popen(command)


def end(process):
    process.terminate()
    process.wait()


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])  # utime, stime: proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids, file, field):
    kib = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/{file}").read_text()
        kib += int(re.search(rf"(?m)^{field}:\s+(\d+) kB", text)[1])
    return kib * 1024 / 1e6


def cpu_share(pids, seconds, each_second=lambda: None):
    """Percent of one core."""
    began, spent = time.monotonic(), cpu_s(pids)
    while time.monotonic() - began < seconds:
        time.sleep(1)
        each_second()
    return (cpu_s(pids) - spent) / (time.monotonic() - began) * 100


def read_events(service, stop):
    """A browser with a page open: the stream of live events, read as it comes."""
    request = (f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
               f"Cookie: {service.headers['Cookie']}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(request.encode())
        while not stop.is_set() and connection.recv(1 << 20):
            pass


def share_with_page(service, pids, seconds):
    stop = threading.Event()
    reader = threading.Thread(target=read_events, args=(service, stop))
    reader.start()
    share = cpu_share(pids, seconds)
    stop.set()
    reader.join()
    return share


def active_flows(service):
    _, _, text = service.ask("GET", "/api/v1/flows?limit=100000")
    return sum(PORT in (flow["src_port"], flow["dst_port"]) for flow in json.loads(text)["items"])


def bench_load(service, address, namespace, seconds):
    echo = in_namespace(None, "echo", address, str(PORT))
    flows = in_namespace(namespace, "flows", address, str(PORT), str(FLOWS), str(PER_SECOND))
    try:
        time.sleep(5)
        count = active_flows(service)
        time.sleep(2)  # the answer's own work is over
        pids = service.processes()
        rss, pss = [], []
        share = cpu_share(pids, seconds, lambda: (
            rss.append(memory_mb(pids, "status", "VmRSS")),
            pss.append(memory_mb(pids, "smaps_rollup", "Pss"))))
        page_s = max(seconds // 3, 1)
        with_page = share_with_page(service, pids, page_s)
        each = [memory_mb([pid], "status", "VmRSS") for pid in pids]
        high = memory_mb(pids, "status", "VmHWM")
    finally:
        end(flows)
        end(echo)
    if count < FLOWS or service.processes() != pids or len(pids) != 3:
        raise RuntimeError(f"{count} flows, processes {pids}: not what was to be measured")
    row(f"CPU, {count} flows, {FLOWS * PER_SECOND * 2} packets/s, {seconds} s",
        f"<= {CPU_BAR:.0f} % of a core", f"{share:.2f} % (three processes; what the kernel spends "
        "on packets is above)", share <= CPU_BAR)
    row(f"CPU, the same with live events read, {page_s} s", "-", f"{with_page:.2f} %")
    row("memory resident, loader + core + front", f"<= {MEMORY_BAR_MB} MB",
        f"RSS {max(rss):.1f} MB ({' + '.join(f'{size:.1f}' for size in each)}), PSS "
        f"{max(pss):.1f} MB; peak since start, with a login: {high:.1f} MB",
        max(rss) <= MEMORY_BAR_MB)


def main(sluice, folder, interface, address, namespace, peer_address, seconds="60"):
    folder = pathlib.Path(folder)
    run = ["run", "-i", interface]
    bench_start(sluice, folder, "run", run)
    bench_start(sluice, folder, "demo", ["demo"])
    service = Service(sluice, folder, run)
    try:
        service.log_in()
        bench_page(service)
        bench_block(service, folder, address, (namespace, peer_address))
        bench_load(service, address, namespace, int(seconds))
    finally:
        service.stop()


if __name__ == "__main__":
    if not 7 <= len(sys.argv) <= 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
