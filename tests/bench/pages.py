#!/usr/bin/python3
"""What a person waits for: the first page on a cold cache, and from one view to another.

usage: pages.py SLUICE FOLDER [BENCH_SEARCH ROWS]. FOLDER is empty and for us, or holds the history
of an earlier run; with ROWS so many of the last 48 hours stand behind the pages, made in
FOLDER/fill by BENCH_SEARCH. Rows of the table: figure, bar, measured, verdict, separated by tabs.
The least of several counts: others use the machine, too.
"""
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "web"))

from browser import Browser  # noqa: E402  found through the path above
from web import PASSWORD, Demo, row  # noqa: E402

LOADS, ROUNDS = 8, 9
PAINT_MS, READY_MS, WEIGHT = 500, 1000, 250 * 1024
SWITCH_MS, ROWS_MS = 100, 300


def has(*selectors):
    """JavaScript that is true once the new view has each of them."""
    return " && ".join("main.querySelector(%s)" % json.dumps(s) for s in selectors)


CHART = ".plot canvas"
OVERVIEW = has(CHART, *(f".panel-{name} tbody tr" for name in ("talkers", "protocols", "names")))
FLOWS, HOST = has(".table-flows tbody tr"), has(".panel-facts")
HISTORY = has(CHART, ".table-top tbody tr")
BUSY, RARE = "10.0.0.7", "203.0.113.77"  # of bench_search's records: 29,841 and 2
VIEWS = [  # what it is, its address, what is there when its first rows are
    *((f"overview, {name}", f"/dashboard?span={span}", OVERVIEW) for name, span in (
        ("5 min", 300), ("1 h", 3600), ("24 h", 86400), ("7 d", 604800), ("90 d", 7776000))),
    ("flows, live", "/flows", FLOWS),
    ("flows, last hour", "/flows?q=since:1h", FLOWS),
    ("flows, 24 h", "/flows?q=since:24h", FLOWS),
    ("flows, all", "/flows?q=since:1970-01-01", FLOWS),
    ("flows of one address, 7 d", f"/flows?q=ip:{BUSY}+since:7d", FLOWS),
    ("flows of one name, 24 h", "/flows?q=domain%3Dhost7.example.com+since:24h", FLOWS),
    ("flows, rare port, 24 h", "/flows?q=dport:22+since:24h", FLOWS),
    ("host, busy", f"/hosts/{BUSY}", HOST),
    ("host, rare", f"/hosts/{RARE}", HOST),
    ("incidents", "/incidents", has(".table-incidents tbody tr")),
    ("incident", "/incidents/1", has(".panel-reason dl")),
    ("blocks", "/blocks", has(".panel-list .empty, .table-blocks tbody tr")),
    ("reports", "/reports", has(".empty, .table-reports tbody tr")),
    ("settings", "/settings", has(".settings-group")),
    ("users", "/users", has("tbody tr")),
    ("audit", "/audit", has(".table-audit tbody tr")),
]
# What is looked up in all of the history while the page is there already.
LATER = [
    ("host, busy: its history", f"/hosts/{BUSY}", HISTORY),
    ("host, rare: its history", f"/hosts/{RARE}", HISTORY),
    ("preview of a block, busy, 7 d", f"/blocks?value={BUSY}", has(".preview-past")),
    ("preview of a block, rare, 7 d", f"/blocks?value={RARE}", has(".preview-past")),
]
GROUPS = ("dst", "dport", "proto", "domain", "ja4", "state")
# Times from the click to the frame with @view on it, and to the one with its rows.
SWITCH = """
const done = arguments[1], main = document.querySelector("main"), old = main.firstElementChild;
const link = document.body.appendChild(document.createElement("a"));
link.href = arguments[0];
const began = performance.now();
link.click();
link.remove();
const passed = () => performance.now() - began;
const soon = (fn) => { const c = new MessageChannel(); c.port1.onmessage = fn;
    c.port2.postMessage(0); };
const drawn = (fn) => requestAnimationFrame(() => soon(fn));
const until = (is, fn) => is() || passed() > 20000 ? fn() : soon(() => until(is, fn));
until(() => main.firstElementChild !== old, () => drawn(() => {
    const frame = passed();
    until(() => %s, () => drawn(() => done([frame, passed()])));
}));
"""
# Time from another choice of what is summed by to the frame with its table.
GROUP = """
const [value, done] = arguments, body = document.querySelector(".busiest");
const select = body.parentNode.querySelector("select"), old = body.firstChild;
const began = performance.now();
select.value = value;
select.dispatchEvent(new Event("change"));
const see = new MutationObserver(() => { see.disconnect();
    requestAnimationFrame(() => done(performance.now() - began)); });
see.observe(body, { childList: true });
"""


def enter(browser, demo):
    """The cookie of a log-in."""
    name, value = demo.cookie.split("=", 1)
    url = f"http://127.0.0.1:{demo.port}"
    browser.driver.get(url + "/login")
    browser.driver.execute_cdp_cmd("Network.setCookie", {
        "name": name, "value": value, "url": url, "path": "/", "httpOnly": True})
    return url


def bench_first_page(browser, url):
    """Paint, first numbers and bytes of cold loads of the overview."""
    loads = []
    for _ in range(LOADS):
        browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        browser.open("about:blank")
        paint, ready = browser.timed_load(url + "/dashboard",
                                          "document.querySelector('main tbody tr') !== null")
        time.sleep(3)  # what is loaded while nothing else is to do weighs, too
        loads.append((paint, ready, browser.wire_bytes()))
    paint, ready, weight = (sorted(column) for column in zip(*loads))
    half = LOADS // 2
    row("first page, cold cache: painted", f"<= {PAINT_MS} ms",
        f"{paint[0]:.0f} ms, median {paint[half]:.0f}", paint[0] <= PAINT_MS)
    row("first page: numbers on it", f"<= {READY_MS} ms",
        f"{ready[0]:.0f} ms, median {ready[half]:.0f}", ready[0] <= READY_MS)
    row("first page and all views on the wire", f"<= {WEIGHT // 1024} KB",
        f"{weight[-1] / 1024:.0f} KB", weight[-1] <= WEIGHT)


def least_and_median(times):
    return f"{min(times):.0f} ms, median {statistics.median(times):.0f}"


def switch(browser, path, ready):
    """Milliseconds from the help page to @path's frame, and to the one with its rows."""
    browser.driver.execute_async_script(SWITCH % has("h1"), "/help")
    return browser.driver.execute_async_script(SWITCH % ready, path)


def bench_switches(browser, what):
    """Turn by turn, so that others on the machine slow all alike."""
    times = {name: [] for name, _, _ in VIEWS}
    for _ in range(ROUNDS):
        for name, path, ready in VIEWS:
            times[name].append(switch(browser, path, ready))
    for name, found in times.items():
        frame, rows = zip(*found)
        row(f"switch to {name}{what}", f"<= {SWITCH_MS}, rows {ROWS_MS} ms",
            f"{least_and_median(frame)}; rows {least_and_median(rows)}",
            min(frame) <= SWITCH_MS and min(rows) <= ROWS_MS)


def bench_later(browser, what):
    """What comes by itself behind the first rows, or when it is asked for."""
    for name, path, ready in LATER:
        times = [switch(browser, path, ready)[1] for _ in range(ROUNDS)]
        row(f"{name}{what}", "-", least_and_median(times))
    switch(browser, "/flows?q=since:24h", FLOWS)
    browser.js("document.querySelector('.flow-history').scrollIntoView()")
    browser.wait("document.querySelector('.table-busiest tbody tr') !== null")
    for by in GROUPS:
        times = []
        for _ in range(ROUNDS):
            browser.driver.execute_async_script(GROUP, "src")
            times.append(browser.driver.execute_async_script(GROUP, by))
        row(f"sums of 24 h by {by}{what}", "-", least_and_median(times))


def fill(bench_search, folder, rows):
    """The history of an earlier run, or a new one."""
    made = folder / "fill"
    if not (made / "flows.db").exists():
        made.mkdir(mode=0o700)
        subprocess.run([bench_search, made, rows, "fill"], check=True, stdout=subprocess.DEVNULL)
    return made / "flows.db"


def put_behind(demo, history):
    """@history in place of the demo's own; nobody runs."""
    for tail in ("", "-wal", "-shm"):
        path = demo.state / ("demo-flows.db" + tail)
        path.unlink(missing_ok=True)
        if history.with_name(history.name + tail).exists():
            shutil.copy(history.with_name(history.name + tail), path)


def main(sluice, folder, bench_search=None, rows="0"):
    folder = pathlib.Path(folder)
    history = fill(bench_search, folder, rows) if bench_search else None
    own = folder / "pages"
    own.mkdir()
    demo, browsers, what = Demo(sluice, own), [], ""
    try:
        csrf = demo.log_in("admin")
        demo.ask("POST", "/api/v1/password", {"old": "admin", "new": PASSWORD}, csrf)
        if history:
            demo.stop()
            put_behind(demo, history)
            demo = Demo(sluice, own)
            what = f", {int(rows):,} rows"
        demo.log_in(PASSWORD)
        browsers.append(Browser())
        bench_first_page(browsers[0], enter(browsers[0], demo))
        browsers.append(Browser(logs=False))  # a log of all that is sent takes time
        browsers[1].driver.get(enter(browsers[1], demo) + "/dashboard")
        browsers[1].driver.set_script_timeout(30)
        time.sleep(3)  # the other views are loaded meanwhile
        bench_switches(browsers[1], what)
        if history:
            bench_later(browsers[1], what)
    finally:
        for browser in browsers:
            browser.close()
        demo.stop()


if __name__ == "__main__":
    if len(sys.argv) not in (3, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
