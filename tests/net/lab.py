"""Two network namespaces joined by veth: where the whole program is tested on real packets.

One end, SIDE, is the machine that sluice watches; the other, PEER, is the world. Names are unique to
this process, neighbours are fixed and nothing chatters by itself, so that every packet is a test's.
"""

import ctypes
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build" / "sluice"))

# RFC 2544 and RFC 3849: networks nobody owns
SIDE4, PEER4, OTHER4 = "198.18.0.1", "198.18.0.2", "198.18.0.3"
SIDE6, PEER6 = "2001:db8:1::1", "2001:db8:1::2"
SIDE_MAC, PEER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SIDE_IF, PEER_IF = "side0", "peer0"

_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


def sh(*command, check=True, **options):
    """Run a command to its end; its standard output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=options.pop("timeout", 30), check=False, **options)
    assert not check or done.returncode == 0, "%s: %d: %s%s" % (
        " ".join(map(str, command)), done.returncode, done.stdout, done.stderr)
    return done.stdout


def wait_for(what, look, seconds=5.0, every=0.02):
    """What @look returns as soon as that is true; fails with @what after @seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "no %s within %.1f s" % (
            what() if callable(what) else what, seconds)
        time.sleep(every)


def why_not_here():
    """Why these tests cannot run here, or an empty text."""
    if os.getuid() != 0:
        return "needs root for network namespaces and BPF"
    missing = [tool for tool in ("ip", "nsenter", "ethtool", "tcpdump", "tshark", "nmap", "iperf3",
                                 "ping", "curl", "setpriv", "gcc") if not shutil.which(tool)]
    if missing:
        return "not installed: " + " ".join(missing)
    name = "sluice-probe-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "may not make network namespaces here"
    subprocess.run(["ip", "netns", "del", name], check=False)
    if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
        return "the kernel has no BTF, so no BPF programs"
    return ""


class Namespace:
    """One network namespace."""

    def __init__(self, name):
        self.name = name
        sh("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def command(self, *words):
        """@words as a command line inside; the mount namespace stays (bpffs lives there)."""
        return ["nsenter", "--net=/run/netns/" + self.name, *map(str, words)]

    def sh(self, *words, **options):
        """Run a command inside to its end."""
        return sh(*self.command(*words), **options)

    def start(self, *words, **options):
        """Start a command inside."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*words), **options)  # the caller ends it

    def ip(self, *words, **options):
        """ip(8) inside."""
        return sh("ip", "-n", self.name, *words, **options)

    def counters(self, interface):
        """The interface's own counters, as in /sys/class/net/*/statistics."""
        return json.loads(self.ip("-s", "-j", "link", "show", "dev", interface))[0]["stats64"]

    def inside(self, call):
        """Run @call in a thread that has entered the namespace; sockets made there stay there."""
        result = {}

        def enter():
            try:
                with open("/run/netns/" + self.name, "rb") as file:
                    if _libc.setns(file.fileno(), 0x40000000):  # CLONE_NEWNET
                        raise OSError(ctypes.get_errno(), "setns")
                result["value"] = call()
            except BaseException as error:  # handed to the caller below
                result["error"] = error

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]

    def remove(self):
        """End what still runs inside and remove it."""
        for pid in sh("ip", "netns", "pids", self.name, check=False).split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                pass
        sh("ip", "netns", "del", self.name, check=False)


class Lab:
    """SIDE and PEER joined by a veth pair, and a folder for what the tests write."""

    def __init__(self):
        tag = "sl%d-%d" % (os.getpid(), next(_numbers))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-"))
        self.folder.chmod(0o755)  # the service drops root and must still reach its state
        self.side = self.peer = None
        self.programs = []
        try:
            self.side, self.peer = Namespace(tag + "a"), Namespace(tag + "b")
            self.join()
        except BaseException:
            self.remove()
            raise

    def join(self):
        """The veth pair, addresses and neighbours of both ends."""
        sh("ip", "link", "add", SIDE_IF, "address", SIDE_MAC, "netns", self.side.name, "type",
           "veth", "peer", PEER_IF, "address", PEER_MAC, "netns", self.peer.name)
        for space, name, own, other, mac in (
                (self.side, SIDE_IF, (SIDE4, SIDE6), (PEER4, PEER6, OTHER4), PEER_MAC),
                (self.peer, PEER_IF, (PEER4, PEER6, OTHER4), (SIDE4, SIDE6), SIDE_MAC)):
            space.ip("link", "set", name, "addrgenmode", "none", "multicast", "off")
            space.ip("link", "set", name, "up")
            for address in own:
                flags = ["nodad"] if ":" in address else []
                space.ip("addr", "add", address + ("/64" if ":" in address else "/24"), "dev",
                         name, *flags)
            for address in other:
                space.ip("neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev",
                         name)

    def offloads(self, word):
        """Merged packets on or off at both ends: off, a capture sees what a wire would carry."""
        for space, name in ((self.side, SIDE_IF), (self.peer, PEER_IF)):
            space.sh("ethtool", "-K", name, "tso", word, "gso", word, "gro", word,
                     "tx-udp-segmentation", word)

    def start(self, space, *words, **options):
        """A program inside @space that ends with the lab at the latest."""
        program = space.start(*words, **options)
        self.programs.append(program)
        return program

    def listening(self, space, port, kind="t"):
        """Whether somebody listens on @port there."""
        return str(port) in space.sh("ss", "-Hln" + kind, "sport = :%d" % port)

    def ping(self, address=SIDE4, count=1, space=None, every=0.002):
        """How many of @count pings from the peer were answered."""
        text = (space or self.peer).sh("ping", "-n", "-c", count, "-i", every, "-W", "0.3",
                                       "-w", str(max(2, int(count * every) + 2)), address,
                                       check=False)
        return int(text.split(" received")[0].rsplit(" ", 1)[1])

    def remove(self):
        """Programs, namespaces and folder go, whatever the test left."""
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()
            for stream in (program.stdin, program.stdout, program.stderr):
                if stream:
                    stream.close()
        for space in (self.side, self.peer):
            if space:
                space.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
