"""Searches of the history (bench_search) with sqlite3's own GROUP BY on the same file as the peer.
usage: search.py BENCH_SEARCH FOLDER ROWS"""
import os
import re
import subprocess
import sys

HOURS = 24


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


def main():
    """Rows of the table for run.sh."""
    program, folder, rows = sys.argv[1:4]
    done = subprocess.run([program, folder, rows], stdout=subprocess.PIPE, text=True, check=False)
    scale = int(rows) / 10_000_000
    missed = False
    for line in done.stdout.splitlines():
        what, bar, figure, verdict = line.split("\t")
        found = re.match(r"top (sources|destinations) of", what)
        if not found:
            print(line)
            missed |= verdict == "MISS"
            continue
        took = float(re.search(r"([0-9]+) ms CPU", figure)[1]) / 1000
        peer = group_by(folder + "/flows.db", {"sources": "src", "destinations": "dst"}[found[1]])
        is_missed = took > 2 * scale  # the bar is of 5 million rows in 24 h, of 10 in all
        missed |= is_missed
        print(f"{what}\t{took:.2f} CPU-s\tsqlite3 GROUP BY {peer:.2f} CPU-s\t{took / peer:.2f}\t"
              f"<= {2 * scale:.2f} CPU-s\t{'MISS' if is_missed else 'ok'}")
    return 1 if missed or done.returncode not in (0, 1) else 0


if __name__ == "__main__":
    sys.exit(main())
