"""One headless Chromium with nothing but loopback, and what the tests ask of it."""

import json
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--no-default-browser-check",
         "--hide-scrollbars", "--window-size=1280,900"]
WAIT_S = 10


class Browser:
    """A driver with its profile folder; close() removes both. @running: address and profile of a
    browser that somebody else started and will end."""

    def __init__(self, logs=True, running=None):
        options = webdriver.ChromeOptions()
        if running:
            options.debugger_address, self.profile = running
        else:
            self.profile = tempfile.mkdtemp(prefix="sluice-web-")
            for flag in [*FLAGS, "--user-data-dir=" + self.profile]:
                options.add_argument(flag)
            options.binary_location = shutil.which("chromium")
        if logs:
            options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options,
                                       service=Service(shutil.which("chromedriver")))

    def close(self):
        """End the browser and forget its profile."""
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def size(self, width, height, scheme="light"):
        """A viewport of this size, also narrower than a window can be, and a colour scheme."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, url):
        """Load a page in a clean log."""
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(url)

    def wait(self, script, timeout=WAIT_S):
        """Until the JavaScript expression is true; its value."""
        return WebDriverWait(self.driver, timeout, poll_frequency=0.05).until(
            lambda d: d.execute_script("return " + script), script)

    def js(self, script, *arguments):
        """Run JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        """Text of the first match, or None."""
        return self.js("return document.querySelector(arguments[0])?.innerText ?? null", selector)

    def wait_text(self, selector, part, timeout=WAIT_S):
        """Until an element of this kind holds the text."""
        return self.wait("[...document.querySelectorAll(%s)].some((e) => e.innerText.includes(%s))"
                         % (json.dumps(selector), json.dumps(part)), timeout)

    def click(self, selector, text=""):
        """Click the first visible match that holds the text."""
        self.wait("[...document.querySelectorAll(%s)].some((e) => e.textContent.includes(%s) "
                  "&& e.offsetParent)" % (json.dumps(selector), json.dumps(text)))
        self.js("[...document.querySelectorAll(arguments[0])].find((e) => "
                "e.textContent.includes(arguments[1]) && e.offsetParent).click()", selector, text)

    def fill(self, selector, value):
        """Replace what a field holds, as typing does."""
        self.wait("document.querySelector(%s) !== null" % json.dumps(selector))
        self.js("const e = document.querySelector(arguments[0]); e.focus(); e.value = arguments[1];"
                "e.dispatchEvent(new Event('input', {bubbles: true}));"
                "e.dispatchEvent(new Event('change', {bubbles: true}));", selector, value)

    def errors(self):
        """Console errors, CSP reports among them."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE"]

    def forget_errors(self, part):
        """Take what a test brought about on purpose out of the log; anything else is an error."""
        others = [message for message in self.errors() if part not in message]
        assert others == [], others

    def settle(self):
        """Until the page has been drawn twice, so that a change of size is on the screen."""
        self.driver.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def timed_load(self, url, ready):
        """Milliseconds from the start of a load to the first paint, and to the expression."""
        self.driver.get(url)
        self.wait(ready)
        drawn = self.js("return performance.now()")
        paint = self.wait("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        return paint, drawn

    def wire_bytes(self):
        """Bytes of all answers since open(), headers and compressed bodies."""
        total = 0
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.loadingFinished":
                total += int(message["params"]["encodedDataLength"])
        return total

    def requested(self):
        """URLs the page asked for since open()."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls
