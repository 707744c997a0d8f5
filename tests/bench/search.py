"""Searches of the history (bench_search) with two peers on the same records: sqlite3's own GROUP BY
and ClickHouse. usage: search.py BENCH_SEARCH FOLDER ROWS"""
import contextlib
import os
import re
import subprocess
import sys

from clickhouse import ClickHouse

HOURS = 24
CLICKHOUSE_MOST = 3  # bar: at most so many times as long


def cpu_of(command):
    """CPU seconds of one child."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user + after.children_system
            - before.children_user - before.children_system)


def group_by(path, column):
    """The peer: CPU seconds of sqlite3 for the same sums, the better of two."""
    tables = subprocess.run(["sqlite3", "-readonly", path, ".tables flows_20%"], check=True,
                            capture_output=True, text=True).stdout.split()
    rows = " UNION ALL ".join(
        f"SELECT {column} AS k, packets_out + packets_in AS p, bytes_out + bytes_in AS b FROM {t}"
        for t in sorted(tables)[-HOURS:])
    text = f"SELECT k, count(*), sum(p), sum(b) FROM ({rows}) GROUP BY k ORDER BY 4 DESC LIMIT 100"
    return min(cpu_of(["sqlite3", "-readonly", path, text]) for _ in range(2))


def row(what, took, peer, bar, is_missed):
    """One line for run.sh; peer: its name and CPU seconds."""
    print(f"{what}\t{took:.2f} CPU-s\t{peer[0]} {peer[1]:.2f} CPU-s\t{took / peer[1]:.2f}\t"
          f"{bar}\t{'MISS' if is_missed else 'ok'}", flush=True)
    return is_missed


def beside_peers(found, folder, bar_s, clickhouse):
    """The rows of one sum; found: what, column, our CPU seconds. Returns whether a bar is missed."""
    what, column, took = found
    missed = row(what, took, ("sqlite3 GROUP BY", group_by(folder + "/flows.db", column)),
                 f"<= {bar_s:.2f} CPU-s", took > bar_s)
    if not clickhouse:
        print(f"{what}\t-\tpeer not installed: apt install clickhouse-server\t-\t"
              f"<= {CLICKHOUSE_MOST}x\tskip")
        return missed
    server, hours = clickhouse
    peer = server.top(column, hours - HOURS)
    return row(what, took, ("ClickHouse", peer), f"<= {CLICKHOUSE_MOST}x",
               took > CLICKHOUSE_MOST * peer) or missed


def main():
    """Rows of the table for run.sh."""
    program, folder, rows = sys.argv[1:4]
    done = subprocess.run([program, folder, rows], stdout=subprocess.PIPE, text=True, check=False)
    scale = int(rows) / 10_000_000
    missed, sums = False, []
    for line in done.stdout.splitlines():
        what, _, figure, verdict = line.split("\t")
        found = re.match(r"top (sources|destinations) of", what)
        if found:
            took = float(re.search(r"([0-9]+) ms CPU", figure)[1]) / 1000
            sums.append((what, {"sources": "src", "destinations": "dst"}[found[1]], took))
            continue
        print(line)
        missed |= verdict == "MISS"
    with contextlib.ExitStack() as stack:
        clickhouse = None
        if ClickHouse.is_installed():
            server = stack.enter_context(ClickHouse(folder))
            clickhouse = server, server.fill(folder + "/flows.db")
        for found in sums:  # the bar is of 5 million rows in 24 h, of 10 in all
            missed |= beside_peers(found, folder, 2 * scale, clickhouse)
    return 1 if missed or done.returncode not in (0, 1) else 0


if __name__ == "__main__":
    sys.exit(main())
