#!/usr/bin/python3
"""What counting costs, kernel and user space together, beside the flow exporters of Debian.

usage: counting.py SLUICE FLOOD VARY.bpf.o FOLDER INSIDE OUTSIDE
In each round the same packets of 1,000 flows go down the veth pair once with nothing listening,
once with each tool: what the sender's CPU spends more is the kernel's part, what the tool's threads
spend is its own. Packets end in a firewall's drop behind all of them. Rows: what, figure, peer,
ratio, bar, verdict, separated by tabs.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, FLOWS, PACKETS, BAR = 9, 1000, 400_000, 0.4
PINS = pathlib.Path("/run/sluice-bpf")  # of our own mount namespace: run.sh mounts it
FIRST_CPU = str(min(os.sched_getaffinity(0)))  # the sender takes the last one


def inside(space, *command):
    """argv in a network namespace; mounts stay ours."""
    return ["nsenter", f"--net=/run/netns/{space}", *command]


def tree(pid):
    """The process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


def spent_ns(pid):
    """CPU of all threads of a process and its children (schedstat: the scheduler's own figure)."""
    total = 0
    for each in tree(pid):
        for task in pathlib.Path(f"/proc/{each}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def wait_for(predicate, what, seconds=15):
    """The first true value of predicate()."""
    end = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return value


class Tool:
    """A flow exporter on in0; lost() after the flood: packets it did not count."""
    name = ""

    def __init__(self, lab):
        self.lab, self.process = lab, None

    def command(self):
        raise NotImplementedError

    def start(self):
        """Until it listens."""
        with open(self.lab.folder / f"{self.name}.log", "wb") as log:
            self.process = subprocess.Popen(
                inside(self.lab.inside, "taskset", "-c", FIRST_CPU, *self.command()),
                stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self):
        """A packet socket of the namespace is there: libpcap listens."""
        wait_for(lambda: len(self.lab.run("cat", "/proc/net/packet").splitlines()) > 1,
                 f"{self.name} listens")
        time.sleep(0.5)  # and has set up its threads

    def lost(self):
        return 0

    def stop(self):
        for pid in reversed(tree(self.process.pid)):
            os.kill(pid, signal.SIGTERM)
        self.process.wait(10)


class Softflowd(Tool):
    name = "softflowd"

    def command(self):
        return ["softflowd", "-i", "in0", "-n", "127.0.0.1:9995", "-d", "-c",
                str(self.lab.folder / "softflowd.ctl"), "-p", str(self.lab.folder / "softflowd.pid")]

    def lost(self):
        said = subprocess.run(["softflowctl", "-c", self.lab.folder / "softflowd.ctl", "statistics"],
                              check=True, capture_output=True, text=True).stdout
        received = int(re.search(r"received by libpcap: (\d+)", said)[1])
        dropped = int(re.search(r"dropped by libpcap: (\d+)", said)[1])
        return PACKETS - (received - dropped)


class Pmacctd(Tool):
    name = "pmacctd"

    def command(self):
        return ["pmacctd", "-i", "in0", "-P", "print", "-c",
                "src_host,dst_host,src_port,dst_port,proto", "-r", "60"]


class Sluice(Tool):
    name = "sluice"

    def __init__(self, lab):
        super().__init__(lab)
        # never the same: what is pinned belongs to the state folder, and counts go on there
        self.state = tempfile.mkdtemp(prefix="state-", dir=lab.folder)
        self.before = None

    def command(self):
        return [self.lab.sluice, "run", "-i", "in0", "--listen", "127.0.0.1:0", "--state",
                self.state]

    def row(self):
        """The interface's coverage, None while there is none."""
        done = subprocess.run([self.lab.sluice, "coverage", "-o", "json", "--state",
                               self.state], check=False, capture_output=True)
        rows = json.loads(done.stdout)["ifaces"] if done.returncode == 0 else []
        return next((row for row in rows if row["direction"] == "ingress"), None)

    def wait_ready(self):
        wait_for(self.row, "sluice serves")
        self.before = self.row()

    def lost(self):
        now = wait_for(lambda: (row := self.row())["seen"] >= self.before["seen"] + PACKETS and row,
                       "every packet is seen")
        return PACKETS - (now["in_flows"] - self.before["in_flows"])

    def stop(self):
        super().stop()
        shutil.rmtree(self.state)
        for pins in PINS.iterdir():
            if not pins.is_symlink() and pins.name.isalnum():  # not bpffs' own progs.debug, maps.debug
                shutil.rmtree(pins)


class Lab:
    """The pair of namespaces, and what sends."""

    def __init__(self, sluice, flood, vary, folder, *spaces):
        self.sluice, self.folder, self.inside = sluice, pathlib.Path(folder), spaces[0]
        self.flood_command = [flood, *spaces, vary, str(FLOWS), str(PACKETS)]

    def run(self, *command):
        """Output of a command inside."""
        return subprocess.run(inside(self.inside, *command), check=True, capture_output=True,
                              text=True).stdout

    def flood(self):
        """The sender's CPU, nanoseconds a packet."""
        return float(subprocess.run(self.flood_command, check=True, capture_output=True).stdout)

    def measure(self, tool):
        """(kernel with the tool, tool's own), nanoseconds a packet; packets it lost."""
        tool.start()
        try:
            before = spent_ns(tool.process.pid)
            kernel = self.flood()
            time.sleep(1.5)  # a second's drain and what follows from it
            own = (spent_ns(tool.process.pid) - before) / PACKETS
            return kernel, own, tool.lost()
        finally:
            tool.stop()


def row(what, figure, peer="-", ratio="-", bar="-", verdict=None):
    word = "-" if verdict is None else "ok" if verdict else "MISS"
    print(what, figure, peer, ratio, bar, word, sep="\t", flush=True)


def report(tool, sums, lost):
    ours, peers = sums["sluice"], sums[tool.name]
    ratios = sorted(a[2] / b[2] for a, b in zip(ours, peers))
    middle = statistics.median(ratios)
    told = [", ".join(f"{statistics.median(part[i] for part in parts):.0f} {name}"
                      for i, name in ((0, "kernel"), (1, "own"))) for parts in (ours, peers)]
    is_judged = tool is Softflowd
    row(f"counting, kernel + user, 1k flows, beside {tool.name}",
        f"{statistics.median(part[2] for part in ours):.0f} ns a packet ({told[0]}); "
        f"{lost['sluice']} lost",
        f"{tool.name} {statistics.median(part[2] for part in peers):.0f} ns ({told[1]}); "
        f"{lost[tool.name]} lost",
        f"{middle:.3f} [{ratios[2]:.3f} {ratios[6]:.3f}]",
        f"<= {BAR}, none lost" if is_judged else "-",
        middle <= BAR and lost["sluice"] == 0 if is_judged else None)


def main(*arguments):
    lab = Lab(*arguments)
    lab.folder.mkdir(exist_ok=True)
    peers = [tool for tool in (Softflowd, Pmacctd) if shutil.which(tool.name)]
    sums, lost = {}, {}
    for _ in range(ROUNDS if peers else 0):
        base = lab.flood()
        for tool in [Sluice, *peers]:
            kernel, own, missing = lab.measure(tool(lab))
            sums.setdefault(tool.name, []).append((kernel - base, own, kernel - base + own))
            lost[tool.name] = lost.get(tool.name, 0) + missing
    for tool in peers:
        report(tool, sums, lost)
    if Softflowd not in peers:
        row("counting, kernel + user, 1k flows", "-", "peer not installed: apt install softflowd")


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
