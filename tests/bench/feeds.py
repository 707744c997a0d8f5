"""Feeds of 100,000 and a million lines into a running service, as root: fetched over HTTP, read,
converted, judged against the safe list, stored, and in the kernel's maps.

usage: feeds.py SLUICE    rows: what, bar, figure, verdict (tab separated); exit 1 when one is missed
"""
import os
import pathlib
import random
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
os.environ["SLUICE"] = os.path.abspath(sys.argv[1])
# pylint: disable=wrong-import-position
from hosts import Lab, Service  # what the tests of namespaces use

BARS = ((100_000, 1.0), (1_000_000, 6.0))  # lines, seconds: issue 7, "Speed and memory"
ROUNDS = 3
TICK = os.sysconf("SC_CLK_TCK")
QUIET_S = 0.03  # of CPU in 0.3 s: three ticks


def lines(count, seed):
    """As published lists are: addresses, every twentieth a prefix, comments, some twice."""
    rng = random.Random(seed)
    yield "# made by a benchmark\r\n"
    for i in range(count - 1):
        # below 1.0.0.0/8 to 9.0.0.0/8 nothing is private
        ip = ".".join(str(part) for part in (rng.randrange(1, 10), rng.randrange(256),
                                             rng.randrange(256), rng.randrange(256)))
        if i % 20 == 0:
            yield ip.rpartition(".")[0] + ".0/24 ; SBL%d\n" % i
        else:
            yield ip + "\n"


def cpu_s(service):
    """Of all its processes, those that ended among them."""
    pids = service.pids()
    total = 0
    for role, pid in pids.items():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15 if role == "loader" else 13])
    return total / TICK


def until_quiet(service):
    """When core rests again: the last entry is in the kernel's maps. (its time, CPU until then)"""
    while True:
        began, before = time.monotonic(), cpu_s(service)
        time.sleep(0.3)
        if cpu_s(service) - before <= QUIET_S:
            return began, before


def measure(count, folder):
    """Wall seconds until the feed is in force, CPU seconds until all is quiet."""
    name = f"feed{count}.txt"
    (folder / name).write_text("".join(lines(count, count)), encoding="utf-8")
    lab = Lab()
    lab.start(lab.a, "/usr/bin/python3", "-m", "http.server", "8400", "--bind", "127.0.0.1",
              "--directory", str(folder))
    service = Service(lab, config="[Feed]\nallow_private = yes\n[Block]\nconfirm_entries = 0\n")
    try:
        service.start()
        until_quiet(service)
        cpu, began = cpu_s(service), time.monotonic()
        feed = service.json("feed", "add", "bench", f"http://127.0.0.1:8400/{name}")
        assert feed["state"] == "ok" and feed["entries"] > count * 0.9, feed
        quiet, spent = until_quiet(service)
        # an address of the list's end is judged by what is in force
        last = (folder / name).read_text().split()[-1]
        assert service.json("block", "test", last)["verdict"] == "drop"
        return quiet - began, spent - cpu
    finally:
        service.close()
        lab.close()


def main():
    missed = False
    with tempfile.TemporaryDirectory(prefix="sluice-bench-feeds-") as folder:
        for count, bar in BARS:
            rounds = [measure(count, pathlib.Path(folder)) for _ in range(ROUNDS)]
            wall, cpu = min(each[0] for each in rounds), min(each[1] for each in rounds)
            is_met = cpu <= bar
            missed |= not is_met
            print(f"feed of {count:,} lines: fetched, read, applied\t<= {bar:g} CPU-s\t"
                  f"{cpu:.2f} CPU-s, {wall:.2f} s until it is in force\t{'ok' if is_met else 'MISS'}",
                  flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
