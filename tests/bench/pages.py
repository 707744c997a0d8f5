#!/usr/bin/python3
"""What a person waits for: the first page on a cold cache, and from one view to another.

usage: pages.py SLUICE FOLDER [FLOWS_DB]. FOLDER is empty and for us; FLOWS_DB: a history to stand
behind the pages, copied (bench_search makes one: build/bench/bench_search DIR 10000000).
Rows: figure, bar, measured, verdict, separated by tabs. The least of several counts: others use the
machine, too.
"""
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "web"))

from browser import Browser  # noqa: E402  found through the path above
from web import PASSWORD, Demo, row  # noqa: E402

LOADS, SWITCHES = 8, 5
PAINT_MS, READY_MS, WEIGHT = 500, 1000, 250 * 1024
SWITCH_MS = 100
VIEWS = ("/flows", "/incidents", "/blocks", "/reports", "/settings", "/users", "/audit",
         "/hosts/192.168.10.14", "/dashboard")
SWITCH = """
const [path, full] = arguments, done = arguments[2];
const main = document.querySelector("main"), old = main.firstElementChild;
const link = document.body.appendChild(document.createElement("a"));
link.href = path;
const began = performance.now();
link.click();
link.remove();
const soon = (fn) => { const c = new MessageChannel(); c.port1.onmessage = fn;
    c.port2.postMessage(0); };
const drawn = () => requestAnimationFrame(() => soon(() => {
    const frame = performance.now() - began;
    const wait = () => main.querySelector(full) ? done([frame, performance.now() - began])
        : performance.now() - began > 15000 ? done([frame, -1]) : setTimeout(wait, 2);
    wait(); }));
const poll = () => main.firstElementChild !== old ? drawn() : soon(poll);
poll();
"""
FULL = "tbody tr, .event, .empty, .settings-group, form, dl"


def enter(browser, demo):
    """The cookie of a log-in."""
    name, value = demo.cookie.split("=", 1)
    url = f"http://127.0.0.1:{demo.port}"
    browser.open(url + "/login")
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


def bench_switches(browser, what):
    """From the help page to each view: its frame, and its first rows."""
    for path in VIEWS:
        times = []
        for _ in range(SWITCHES):
            browser.driver.execute_async_script(SWITCH, "/help", "h1")
            times.append(browser.driver.execute_async_script(SWITCH, path, FULL))
        frame, full = sorted(t[0] for t in times), sorted(t[1] for t in times)
        row(f"switch to {path}{what}", f"<= {SWITCH_MS} ms",
            f"{frame[0]:.0f} ms, median {frame[SWITCHES // 2]:.0f}; first rows {full[0]:.0f} ms",
            frame[0] <= SWITCH_MS)


def main():
    sluice, folder = sys.argv[1], pathlib.Path(sys.argv[2]) / "pages"
    folder.mkdir()
    demo, browser, what = Demo(sluice, folder), Browser(), ""
    try:
        csrf = demo.log_in("admin")
        demo.ask("POST", "/api/v1/password", {"old": "admin", "new": PASSWORD}, csrf)
        if len(sys.argv) > 3:
            demo.stop()
            for tail in ("", "-wal", "-shm"):
                (demo.state / ("demo-flows.db" + tail)).unlink(missing_ok=True)
            shutil.copy(sys.argv[3], demo.state / "demo-flows.db")
            demo = Demo(sluice, folder)
            what = ", %.1f GB of history" % (pathlib.Path(sys.argv[3]).stat().st_size / 1e9)
        demo.log_in(PASSWORD)
        bench_first_page(browser, enter(browser, demo))
        bench_switches(browser, what)
    finally:
        browser.close()
        demo.stop()


if __name__ == "__main__":
    main()
