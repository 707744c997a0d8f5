"""Reports beside reportlab and matplotlib of Debian: the rows of bench_report, then one page with one
chart drawn by the peer, in a process of its own as ours is. usage: report_peer.py BENCH FOLDER ROWS"""
import os
import subprocess
import sys

ROUNDS = 5

PEER = """
import io, resource, sys, time
began = time.process_time()
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table

def page(path):
    figure, axes = plt.subplots(figsize=(7, 2.2))
    for at, name in enumerate(("received", "sent", "dropped")):
        axes.plot([(i * (at + 3)) % 97 for i in range(240)], label=name)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    plt.close(figure)
    styles = getSampleStyleSheet()
    SimpleDocTemplate(path, pagesize=A4).build([
        Paragraph("Executive summary", styles["Title"]),
        Paragraph("2026-01-15 00:00 to 2026-02-14 00:00", styles["Normal"]),
        Table([["Received", "Sent", "Packets dropped", "Incidents"],
               ["86.3 GB", "38.9 GB", "0", "500"]]),
        *(Paragraph("500 incidents began, 167 of high severity.", styles["Normal"])
          for _ in range(5)),
        Spacer(1, cm), Image(picture, 16 * cm, 5 * cm)])

page(sys.argv[1])
whole = time.process_time() - began
began = time.process_time()
page(sys.argv[1])
print(whole, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peer(path):
    """CPU seconds of a process that draws one page, of one more page, its KiB; the least of each."""
    rounds = []
    for _ in range(ROUNDS):
        done = subprocess.run(["/usr/bin/python3", "-c", PEER, path], check=True, text=True,
                              stdout=subprocess.PIPE)
        rounds.append([float(word) for word in done.stdout.split()])
    return [min(column) for column in zip(*rounds)]


def main():
    """Rows of the table for run.sh."""
    program, folder, rows = sys.argv[1:4]
    done = subprocess.run([program, folder, rows], stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    small = next((line for line in lines if line.startswith("small")), None)
    if not small:
        return done.returncode or 1
    ours, kib, size, pages = small.split()[1:]
    print("\n".join(line for line in lines if not line.startswith("small")))
    path = os.path.join(folder, "peer.pdf")
    whole, warm, peer_kib = peer(path)
    ours, kib = float(ours), int(kib)
    missed = done.returncode != 0
    for what, figure, other, ratio, bar in (
            ("one report, from nothing",
             f"{ours * 1000:.0f} ms CPU, {pages} pages",
             f"reportlab + matplotlib {whole * 1000:.0f} ms, 1 page "
             f"(a second one {warm * 1000:.0f} ms)",
             whole / ours, 20),
            ("the file, fonts and all", f"{int(size) / 1000:.1f} kB, {pages} pages",
             f"{os.path.getsize(path) / 1000:.1f} kB, 1 page", os.path.getsize(path) / int(size), 5),
            ("memory of the process that draws it", f"{kib / 1024:.1f} MB",
             f"{peer_kib / 1024:.0f} MB", peer_kib / kib, 5)):
        missed |= ratio < bar
        print(f"{what}\t{figure}\t{other}\t{ratio:.1f}\t>= {bar}\t{'MISS' if ratio < bar else 'ok'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
