#!/usr/bin/python3
"""`sluice model eval` beside scikit-learn in the same run: AUC, average precision, speed, events.

usage: model.py SLUICE [--seeds N]   Lines: figure, bar, measured, verdict, with tabs.
Needs the labelled sets beside the checkout (../shared); without them it says so and ends with 0.
Bars: AUC at most max(0.01, sd of the reference) and AP at most max(0.02, sd) below the reference.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/anomaly"
TOOLS = ROOT.parent / "shared/tools/anomaly"
SETS = [("http", False), ("shuttle", False), ("mammography", False), ("annthyroid", False),
        ("nslkdd_test10", True), ("unsw_flows_a", False), ("unsw_flows_a", True),
        ("ctu13_win1s_20110815", False)]
MISSED = []


def row(figure, bar, measured, is_met):
    verdict = "-" if is_met is None else "ok" if is_met else "MISS"
    print(f"{figure}\t{bar}\t{measured}\t{verdict}", flush=True)
    if is_met is False:
        MISSED.append(figure)


def reference(path, has_log, seeds):
    """scikit-learn over the seeds: lists of auc, ap, fit ms, us per row."""
    import numpy as np
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import average_precision_score, roc_auc_score
    sys.path.insert(0, str(TOOLS))
    import reference as shared
    x, y = shared.load(path)
    if has_log:
        x = np.sign(x) * np.log1p(np.abs(x))
    out = []
    for seed in range(seeds):
        model = IsolationForest(n_estimators=100, max_samples=min(256, len(x)), random_state=seed, n_jobs=1)
        begin = time.process_time()
        model.fit(x)
        fitted = time.process_time()
        score = -model.score_samples(x)
        scored = time.process_time()
        out.append((roc_auc_score(y, score), average_precision_score(y, score), 1e3 * (fitted - begin),
                    1e6 * (scored - fitted) / len(x)))
    return list(zip(*out))


def ours(sluice, path, has_log, seeds):
    out = []
    for seed in range(seeds):
        command = [sluice, "model", "eval", str(path), "--seed", str(seed)] + (["--log"] if has_log else [])
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        out.append((answer["auc"], answer["ap"], answer["fit_ms"], answer["score_us_per_row"]))
    return list(zip(*out))


def compare(sluice, name, has_log, seeds):
    path = DATA / f"{name}.csv.gz"
    theirs, mine = reference(path, has_log, seeds), ours(sluice, path, has_log, seeds)
    label = f"model: {name}" + (", log" if has_log else "")
    for at, (what, least) in enumerate((("AUC", 0.01), ("AP", 0.02))):
        bar, mean = statistics.mean(theirs[at]), statistics.mean(mine[at])
        slack = max(least, statistics.pstdev(theirs[at]))
        row(f"{label}, {what}", f">= {bar:.4f} - {slack:.4f}", f"{mean:.4f}", mean >= bar - slack)
    for at, (what, least) in enumerate((("fit", 45), ("batch", 15)), 2):
        ratio = statistics.median(theirs[at]) / statistics.median(mine[at])
        row(f"{label}, {what}", f">= {least}x", f"{ratio:.0f}x", ratio >= least)


def one_row(seeds):
    """A single row, as the pipeline may ask: CPU time of scikit-learn beside that of bench_model."""
    from sklearn.ensemble import IsolationForest
    import numpy as np
    program = ROOT / "build/bench/bench_model"
    if not program.exists():
        row("model: one row beside scikit-learn", "-", "skip: make bench builds it", None)
        return
    lines = subprocess.run([program], capture_output=True, text=True, check=False).stdout.split("\n")
    mine = next(float(line.split("\t")[2]) for line in lines if "one row, hot" in line)
    x = np.random.default_rng(1).normal(size=(20000, 20))
    model = IsolationForest(n_estimators=100, max_samples=256, random_state=1, n_jobs=1).fit(x)
    took = []
    for i in range(10 * seeds):
        begin = time.process_time()
        model.score_samples(x[i:i + 1])
        took.append(1e6 * (time.process_time() - begin))
    ratio = statistics.median(took) / mine
    row("model: one row beside scikit-learn", ">= 5000x", f"{ratio:.0f}x", ratio >= 5000)


def events(sluice, seeds):
    """The operator's view of host windows: attack events at 1 and at 10 false alerts a day."""
    with tempfile.TemporaryDirectory() as folder:
        windows, scores = f"{folder}/windows.csv", f"{folder}/scores"
        subprocess.run([sys.executable, TOOLS / "stream.py", "windows", DATA / "darpa98_edges_d00_34.csv.gz",
                        windows], check=True, capture_output=True)
        minutes = [int(line.split(",")[0]) for line in open(windows + ".meta").read().split("\n")[1:-1]]
        count = sum((minute - min(minutes)) // 1440 < 8 for minute in minutes)
        found = []
        for seed in range(seeds):
            subprocess.run([sluice, "model", "eval", windows, "--train-rows", str(count), "--rules",
                            "--seed", str(seed), "--scores", scores], check=True, capture_output=True)
            text = subprocess.run([sys.executable, TOOLS / "stream.py", "judge", windows + ".meta", scores, "8"],
                                  check=True, capture_output=True, text=True).stdout
            found.append([int(line.split("=")[1].split("/")[0]) for line in text.split("\n") if "events_at" in line])
    for at, (budget, least) in enumerate(((1, 27), (10, 35))):
        mean = statistics.mean(each[at] for each in found)
        row(f"model: DARPA events at {budget} false alerts a day", f">= {least}", f"{mean:.1f} of 94", mean >= least)


def main():
    sluice = sys.argv[1]
    seeds = int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else 10
    if not DATA.is_dir():
        row("model: beside scikit-learn", "-", "skip: no labelled sets beside the checkout", None)
        return 0
    for name, has_log in SETS:
        compare(sluice, name, has_log, seeds)
    one_row(seeds)
    events(sluice, seeds)
    return 1 if MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
