"""Two hosts in network namespaces joined by a veth pair, and a running sluice on the first.

Names carry the test process's id, so that runs side by side do not meet. Everything made here is
taken away again by close(), also after a failure.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLUICE = os.environ.get("SLUICE", str(ROOT / "build" / "sluice"))
PINS = pathlib.Path("/run/sluice-bpf")
PASSWORD = "correct horse battery"


def wait_for(predicate, seconds, what):
    """The first true value of predicate(), polled; fails the test after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Lab:
    """Namespaces a and b; va in a has .1, vb in b has .2."""
    count = 0

    def __init__(self):
        Lab.count += 1
        tag = f"{os.getpid() % 100000}{Lab.count}"
        self.a, self.b = f"sa{tag}", f"sb{tag}"
        self.va, self.vb = f"va{tag}", f"vb{tag}"
        net = Lab.count % 250
        self.ip_a, self.ip_b = f"198.18.{net}.1", f"198.18.{net}.2"
        self.ip6_a, self.ip6_b = f"2001:db8:{net:x}::1", f"2001:db8:{net:x}::2"
        self.children = []
        for name in (self.a, self.b):
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
        sh("ip", "link", "add", self.va, "netns", self.a, "type", "veth", "peer", "name", self.vb,
           "netns", self.b)
        self.address()

    def address(self):
        """Addresses on both ends, up; again after the pair was made anew."""
        for name, dev, ip, ip6 in ((self.a, self.va, self.ip_a, self.ip6_a),
                                   (self.b, self.vb, self.ip_b, self.ip6_b)):
            # no link-local address: nobody solicits routers for the next 12 s (RFC 4861 10)
            sh("ip", "-n", name, "link", "set", dev, "addrgenmode", "none")
            sh("ip", "-n", name, "addr", "add", f"{ip}/24", "dev", dev)
            sh("ip", "-n", name, "addr", "add", f"{ip6}/64", "dev", dev, "nodad")
            sh("ip", "-n", name, "link", "set", dev, "up")

    def run(self, where, *command, **options):
        """A command inside a namespace; its completed process."""
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        options.setdefault("timeout", 60)
        return subprocess.run(inside(where, command), check=False, **options)

    def start(self, where, *command, **options):
        """A command inside a namespace that goes on; ended by close()."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        child = subprocess.Popen(inside(where, command), text=True, **options)
        self.children.append(child)
        return child

    def pings(self, where, address, count=3, interval=0.2):
        """How many of count echo requests were answered."""
        done = self.run(where, "ping", "-n", "-c", str(count), "-i", str(interval), "-W", "1",
                        address)
        found = re.search(r"(\d+) received", done.stdout)
        return int(found[1]) if found else 0

    def statistics(self, where, dev):
        """The interface's own counters."""
        text = self.run(where, "cat", f"/sys/class/net/{dev}/statistics/rx_packets",
                        f"/sys/class/net/{dev}/statistics/tx_packets").stdout
        if len(text.split()) != 2:  # sysfs of another namespace: ask netlink
            text = self.run(where, "ip", "-j", "-s", "link", "show", dev).stdout
            stats = json.loads(text)[0]["stats64"]
            return stats["rx"]["packets"], stats["tx"]["packets"]
        rx, tx = text.split()
        return int(rx), int(tx)

    def close(self):
        """Children first, then the namespaces and with them the pair."""
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()
        for name in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def sh(*command):
    """A command that must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def inside(where, command):
    """argv that runs command in a namespace (mounts and pins stay the host's)."""
    return ["nsenter", f"--net=/run/netns/{where}", *command]


class Service:
    """One `sluice run` in a namespace with a state directory of its own."""

    def __init__(self, lab, where=None, arguments=(), config=""):
        self.lab = lab
        self.where = where or lab.a
        self.arguments = list(arguments) or ["-i", lab.va]
        self.state = tempfile.mkdtemp(prefix="sluice-net-")
        self.log_path = self.state + ".log"
        self.config = None
        if config:
            self.config = self.state + ".conf"
            pathlib.Path(self.config).write_text(config, encoding="utf-8")
        self.process = None
        self.url = self.token = ""
        self.cookie = self.csrf = ""
        # of the last start: until it served; thereof waiting for a processor; CPU of all roles
        self.start_s = self.start_waited_s = self.start_cpu_s = 0.0

    def start(self, seconds=30):
        """Until it serves; the url and the set-up token come from its stdout."""
        # the same port after a restart: the cookie's name holds it
        port = self.url.rpartition(":")[2] or "0"
        command = [SLUICE, "run", *self.arguments, "--listen", f"127.0.0.1:{port}", "--state",
                   self.state]
        if self.config:
            command += ["-c", self.config]
        with open(self.log_path, "ab") as log:
            offset = log.tell()
            began = time.monotonic()
            self.process = subprocess.Popen(inside(self.where, command), stdout=log, stderr=log)
        def serving():
            text = pathlib.Path(self.log_path).read_bytes()[offset:].decode()
            assert self.process.poll() is None, text
            return re.search(r"listening on (\S+)", text)
        self.url = wait_for(serving, seconds, "listening on URL")[1]
        self.start_s = time.monotonic() - began
        with contextlib.suppress(OSError):  # gone already: whoever started it sees that
            self.take_times()
        token = re.search(r"/setup#(\S+)", self.log())
        self.token = token[1] if token else self.token
        wait_for(lambda: self.cli("coverage")[0] == 0, seconds, "the first second is counted")
        return self

    def log(self):
        """All it said so far."""
        return pathlib.Path(self.log_path).read_text(encoding="utf-8")

    def take_times(self):
        """Of the start: how much CPU time all roles took, and how long loader and core, which work
        one after the other, waited for a processor (/proc/PID/schedstat, sched-stats.rst). On a
        very busy machine that is too much: the loader goes on waiting beside core."""
        loader = self.process.pid
        children = pathlib.Path(f"/proc/{loader}/task/{loader}/children").read_text(
            encoding="ascii").split()
        core = children[:1]  # forked before front
        ticks = waited = 0
        for pid in [loader, *children]:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            ticks += sum(int(word) for word in stat.rpartition(")")[2].split()[11:13])
        for pid in [loader, *core]:
            text = pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii")
            waited += int(text.split()[1])
        self.start_cpu_s = ticks / os.sysconf("SC_CLK_TCK")
        self.start_waited_s = waited / 1e9

    def pids(self):
        """role -> process id; the loader is the parent."""
        loader = self.process.pid
        children = sh("ps", "-o", "pid=", "--ppid", str(loader)).split()
        children = sorted(int(pid) for pid in children)
        holds_db = [pid for pid in children if "main.db" in open_files(pid)]
        core = holds_db[0] if holds_db else None
        front = next((pid for pid in children if pid != core), None)
        return {"loader": loader, "core": core, "front": front}

    def pins(self):
        """Its folder of pins, named after the state directory (agent/capture/kernel_pin.c)."""
        digest = hashlib.blake2b(os.path.realpath(self.state).encode(), digest_size=32)
        return PINS / digest.hexdigest()[:16]

    def stop(self):
        """A clean stop; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)
        return self.process.returncode

    def kill_all(self):
        """kill -9 of every process of it, children first as a crash would not spare any."""
        pids = self.pids()
        for role in ("core", "front", "loader"):
            if pids[role]:
                os.kill(pids[role], signal.SIGSTOP)
        for role in ("core", "front", "loader"):
            if pids[role]:
                os.kill(pids[role], signal.SIGKILL)
        self.process.wait(timeout=10)
        # whoever has taken over the children may be slow to collect them; their sockets are closed
        wait_for(lambda: not any(is_alive(pids[role]) for role in ("core", "front")), 10,
                 "the children are gone")

    def cli(self, *words, stdin=None):
        """Exit status, output and errors of one command against this service."""
        done = subprocess.run([SLUICE, *words, "--state", self.state], check=False, text=True,
                              capture_output=True, timeout=30, input=stdin)
        return done.returncode, done.stdout, done.stderr

    def json(self, *words):
        """The JSON document a command prints; the command must succeed."""
        status, out, err = self.cli(*words, "-o", "json")
        assert status == 0, err
        return json.loads(out)

    def coverage(self):
        """(interface, direction) -> its row, with the reasons summed as not_flow_sum."""
        rows = {}
        for row in self.json("coverage")["ifaces"]:
            row["not_flow_sum"] = sum(row["not_flow"].values())
            rows[row["name"], row["direction"]] = row
        return rows

    def idle_coverage(self, seconds=10):
        """Coverage once nothing moves any more and every packet is accounted for."""
        def settled():
            first = self.coverage()
            time.sleep(1.1)
            second = self.coverage()
            return second if first == second else None
        return wait_for(settled, seconds, "coverage settles")

    def http(self, method, path, body=None, headers=()):
        """(status, decoded body) of one request from the service's own namespace."""
        command = ["curl", "-s", "-k", "-o", "-", "-w", "\n%{http_code}", "-X", method,
                   self.url + path]
        for header in headers:
            command += ["-H", header]
        if self.cookie:
            command += ["-H", f"Cookie: {self.cookie}", "-H", f"X-CSRF-Token: {self.csrf}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        text, _, status = self.lab.run(self.where, *command).stdout.rpartition("\n")
        return int(status), (json.loads(text) if text.startswith(("{", "[")) else text)

    def set_up(self, name="admin"):
        """Spend the set-up token and keep the session."""
        command = ["curl", "-s", "-i", "-X", "POST", self.url + "/api/v1/setup", "-H",
                   "Content-Type: application/json", "-d",
                   json.dumps({"token": self.token, "username": name, "password": PASSWORD})]
        text = self.lab.run(self.where, *command).stdout
        assert " 200 " in text.splitlines()[0], text
        self.cookie = re.search(r"(?i)^set-cookie: ([^;]+)", text, re.M)[1]
        self.csrf = json.loads(text[text.index("{"):])["csrf"]

    def close(self):
        """Stop it, take its pins and its files away."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.pins(), ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)
        for path in (self.log_path, self.config):
            if path and os.path.exists(path):
                os.unlink(path)


def is_alive(pid):
    """Not gone, and no zombie without threads: until the last one ends, sockets stay open."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX" or threads > 1


def open_files(pid):
    """Targets of a process's descriptors, joined; empty when it is gone."""
    folder = f"/proc/{pid}/fd"
    found = []
    try:
        for name in os.listdir(folder):
            try:
                found.append(os.readlink(os.path.join(folder, name)))
            except OSError:
                continue
    except OSError:
        return ""
    return " ".join(found)


@pytest.fixture
def lab():
    """Two hosts; root and BPF, or the test is skipped by name."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces and BPF need root")
    made = Lab()
    yield made
    made.close()


@pytest.fixture
def service(lab):
    """sluice on the first host's end of the pair."""
    made = Service(lab)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(params=["xdp", "tc"])
def either(lab, request):
    """The same by each way into the kernel: verdicts and counts must not differ."""
    made = Service(lab, config=f"[Capture]\nmode = {request.param}\n")
    try:
        made.start()
        assert [row["mode"] for row in made.json("status")["ifaces"]] == [request.param]
        yield made
    finally:
        made.close()
