"""axe-core, fetched once from the npm registry into build/: rules of WCAG 2.2 AA in the browser."""

import base64
import hashlib
import pathlib
import subprocess
import shutil
import tarfile
import urllib.request

VERSION = "4.10.3"
# `npm view axe-core@4.10.3 dist.integrity`, 2026-11-30
INTEGRITY = ("Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/"
             "PbZhideTcEg==")
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "axe"
PACKAGE = FOLDER / ("axe-core-%s.tgz" % VERSION)
URL = "https://registry.npmjs.org/axe-core/-/" + PACKAGE.name

RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"], runOnly: arguments[0]}).then((result) => done(
	result.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) =>
		v.id + ": " + v.nodes.slice(0, 4).map((n) => n.target.join(" ") + " "
			+ (n.any[0]?.message || n.all[0]?.message || "")).join(" | "))),
	(error) => done([String(error)]));
"""
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}


def source():
    """The text of axe.min.js; fetched when it is not there, and compared with its checksum."""
    if not PACKAGE.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm"):
            subprocess.run(["npm", "pack", "--silent", "axe-core@" + VERSION], cwd=FOLDER,
                           check=True, capture_output=True, timeout=120)
        else:
            urllib.request.urlretrieve(URL, PACKAGE)
    digest = base64.b64encode(hashlib.sha512(PACKAGE.read_bytes()).digest()).decode()
    assert digest == INTEGRITY, "%s is not what was published" % PACKAGE
    with tarfile.open(PACKAGE) as package:
        return package.extractfile("package/axe.min.js").read().decode()


def violations(browser, rules):
    """Serious and critical findings on the page as it stands."""
    if not browser.js("return typeof axe !== 'undefined'"):
        browser.js(source())
    return browser.driver.execute_async_script(RUN, rules)
