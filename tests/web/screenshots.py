"""
Pictures of every whole page in both themes and two widths: full, empty and failing, from the mock.

usage: screenshots.py OUT_DIR [--state full|empty|failing] [page ...]     pages by name, else all
"""

import pathlib
import sys
import time

from selenium.common.exceptions import TimeoutException

from browser import Browser
from mock_server import Server

PAGES = {"expected": "/incidents/expected", "overview": "/dashboard",
         "host": "/hosts/192.168.10.14", "host-new": "/hosts/2001:db8::9",
         "flows": "/flows", "flows-filter": "/flows?q=proto:udp",
         "flows-none": "/flows?q=ip:203.0.113.250", "incidents": "/incidents",
         "incident": "/incidents/10", "incident-low": "/incidents/8", "blocks": "/blocks",
         "blocks-safe": "/blocks?value=192.168.10.1", "password": "/password",
         "reports": "/reports", "settings": "/settings", "users": "/users", "audit": "/audit",
         "backups": "/backups", "account": "/account", "about": "/about", "help": "/help",
         "help-search": "/help/search", "help-api": "/help/api", "logout": "/logout", "notfound": "/nowhere"}
OUTSIDE = {"login": ("none", "/login"), "setup": ("setup", "/setup#mock-token"),
           "needs-setup": ("setup", "/login"), "viewer-incident": ("viewer", "/incidents/10"),
           "viewer-blocks": ("viewer", "/blocks")}
VIEWS = [("wide", 1440, 900), ("phone", 390, 844)]
LONGEST = 5200  # pixels of a page that are looked at


def shoot(browser, url, out, name):
    """One page in all four ways, from its head to its foot; prints what went wrong in it."""
    for label, width, height in VIEWS:
        browser.size(width, height, "light")
        browser.open("about:blank")
        browser.open(url)
        browser.wait("document.querySelector('h1') !== null")
        time.sleep(1.2)  # let the second's snapshot and the chart arrive
        whole = min(LONGEST, browser.js("return document.documentElement.scrollHeight"))
        for scheme in ("light", "dark"):
            browser.size(width, max(height, whole), scheme)
            browser.settle()
            browser.driver.save_screenshot(str(out / ("%s-%s-%s.png" % (name, label, scheme))))
        extra = browser.js("return document.documentElement.scrollWidth") - width
        if extra > 0:
            print(name, label, "scrolls sideways by", extra)
        for error in browser.errors():
            print(name, label, error)


def main():
    """All wanted pages."""
    out = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:]
    kind = "full"
    if "--state" in wanted:
        at = wanted.index("--state")
        kind = wanted[at + 1]
        del wanted[at:at + 2]
    out.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    servers = {}
    jobs = [(n, "admin", p) for n, p in PAGES.items()]
    jobs += [(n, role, p) for n, (role, p) in OUTSIDE.items()]
    try:
        for name, role, path in jobs:
            if wanted and name not in wanted:
                continue
            if role not in servers:
                servers[role] = Server(role=role).start()
                servers[role].state.failing = kind == "failing"
                if kind == "empty":
                    servers[role].state.forget_all()
            for _ in range(3):  # on a machine with other work a picture may take too long
                try:
                    shoot(browser, servers[role].url + path, out, "%s-%s" % (name, kind))
                    break
                except TimeoutException:
                    print(name, "took too long, tried again")
        for role, server in servers.items():
            for report in server.state.csp_reports:
                print(role, "CSP", report)
    finally:
        browser.close()
        for server in servers.values():
            server.stop()


if __name__ == "__main__":
    main()
