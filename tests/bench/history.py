#!/usr/bin/python3
"""The service over a long history: what dashboards and searches wait for through the API, and the
memory of core, with many active flows beside it.

usage: history.py SLUICE BENCH_SEARCH FOLDER ROWS INTERFACE ADDRESS PEER_NAMESPACE
Runs in a network namespace where INTERFACE has ADDRESS; PEER_NAMESPACE is at its other end. FOLDER
is empty and for us. Rows: figure, bar, measured, verdict, separated by tabs.
"""
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

from service import Service, end, in_namespace, memory_mb, row

ROUNDS = 9
WARM_MS, COLD_MS, FIND_MS, MEMORY_MB = 50, 250, 150, 128
ACTIVE, A_SECOND = 100_000, 12_000  # each flow again after 8 s: UDP is idle after 15
DASHBOARD = [  # what pages ask for when they open, and any window they offer
    "/series?seconds=60&step=1", "/series?seconds=3600&step=10", "/series?seconds=86400&step=300",
    "/series?seconds=172800&step=3600", "/series?seconds=7776000&step=86400", "/seen?kind=domain",
    "/seen?kind=destination", "/store", "/flows", "/top?by=hosts", "/top?by=protocols",
] + [f"/top?by={by}&hours={hours}" for by in ("src", "dst", "dport", "proto", "domain", "ja4")
     for hours in (1, 24, 48)]
FIND = {  # in bench_search's records
    "an address that is nowhere": ("192.0.2.1", 0),
    "an address in two rows": ("203.0.113.77", 2),
    "newest 100 of a busy address": ("src:10.0.0.7", 100),
}


class Pages:
    """One connection that is kept open, as a browser's."""

    def __init__(self, service):
        self.service = service
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)

    def get(self, path):
        """(milliseconds, body) of one request."""
        began = time.monotonic()
        self.connection.request("GET", "/api/v1" + path, headers=self.service.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        took = (time.monotonic() - began) * 1e3
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status}: {text[:200]}")
        return took, json.loads(text)


def forget_pages(state):
    """The kernel's copies of the databases go: the next read is from the disk."""
    for path in state.glob("*.db*"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bench_dashboards(pages, state):
    """Each path cold, then warm; the slowest of all paths in either row."""
    cold, warm = {}, {}
    for path in DASHBOARD:
        pages.get("/status")  # what core itself needs is there
        forget_pages(state)
        cold[path] = pages.get(path)[0]
        warm[path] = statistics.median(pages.get(path)[0] for _ in range(ROUNDS))
    for name, took, bar in (("warm", warm, WARM_MS), ("cold", cold, COLD_MS)):
        slowest = max(took, key=took.get)
        row(f"dashboards of 48 h, {len(took)} requests, {name}", f"<= {bar} ms",
            f"slowest {took[slowest]:.0f} ms ({slowest}), "
            f"median {statistics.median(took.values()):.1f} ms", took[slowest] <= bar)


def bench_find(pages):
    for name, (query, count) in FIND.items():
        times = []
        for _ in range(ROUNDS):
            took, body = pages.get(f"/flows?limit=100&q={query}%20since:7d")
            times.append(took)
        if len(body["items"]) != count:
            raise RuntimeError(f"{query}: {len(body['items'])} rows, not {count}")
        median = statistics.median(times)
        row(f"over the API: {name}", f"<= {FIND_MS} ms",
            f"median (min) of {ROUNDS}: {median:.0f} ms ({min(times):.0f} ms)", median <= FIND_MS)


def core_of(service):
    """The process that has the database open."""
    for pid in service.processes():
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(link).endswith("/main.db"):
                return pid
    raise RuntimeError("no process has main.db open")


def bench_memory(service, pages, address, namespace):
    core = core_of(service)
    idle = memory_mb([core], "status", "VmRSS")
    sender = in_namespace(namespace, "many", address, "20000", str(ACTIVE), str(A_SECOND))
    most, flows, until = 0, 0, time.monotonic() + 60
    try:
        while time.monotonic() < until and flows < ACTIVE:
            time.sleep(1)
            text = service.ask("GET", "/metrics")[2].decode()
            flows = int(re.search(r"(?m)^sluice_flows_active (\d+)", text)[1])
        for _ in range(10):
            time.sleep(1)
            pages.get("/top?by=src&hours=48")
            most = max(most, memory_mb([core], "status", "VmRSS"))
    finally:
        end(sender)
    row(f"core, {flows} active flows, 10 million rows of history", f"<= {MEMORY_MB} MB",
        f"RSS {most:.1f} MB; before them {idle:.1f} MB", most <= MEMORY_MB and flows >= ACTIVE)


def main(sluice, bench_search, folder, rows, interface, address, namespace):
    folder = pathlib.Path(folder)
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    if not (state / "flows.db").exists():
        subprocess.run([bench_search, state, rows, "fill"], check=True, stdout=subprocess.DEVNULL)
    service = Service(sluice, folder, ["run", "-i", interface], keeps=True)
    try:
        service.log_in()
        pages = Pages(service)
        bench_dashboards(pages, state)
        bench_find(pages)
        bench_memory(service, pages, address, namespace)
    finally:
        service.stop()


if __name__ == "__main__":
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
