"""Live events as clients take them: a real Chromium, curl, and zlib fed byte by byte."""

import json
import re
import shutil
import socket
import subprocess
import zlib

import pytest

from program import PASSWORD, Program

SNAPSHOTS = 3
WAIT_S = 20  # a snapshot comes every second, later where others load the machine
CURL_S = 8


@pytest.fixture(scope="module")
def demo():
    """One demo for the whole file, with its first password replaced."""
    program = Program()
    program.claim()
    yield program
    assert program.stop() == 0


def numbers(text):
    """The numbers of the snapshots in a stream's text."""
    return [int(n) for n in re.findall(r'event: snapshot\ndata: \{[^\n]*?"seq":(\d+),', text)]


def assert_whole(seen):
    """Some, one after the other, none lost or twice."""
    assert len(seen) >= SNAPSHOTS
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def stream_fields(browser):
    """Fields of the answers that were event streams, by name in lower case."""
    found = []
    for entry in browser.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] != "Network.responseReceived":
            continue
        answer = message["params"]["response"]
        if answer["url"].endswith("/api/v1/events"):
            found.append({name.lower(): value for name, value in answer["headers"].items()})
    return found


def test_chromium_takes_live_events_compressed(browser, demo):
    name, value = demo.log_in("admin", PASSWORD)[0].split("=", 1)
    browser.driver.execute_cdp_cmd("Network.setCookie", {
        "name": name, "value": value, "url": demo.url, "path": "/", "httpOnly": True})
    browser.open(demo.url + "/dashboard")
    browser.wait("document.querySelector('.chip[data-state=live]') !== null", WAIT_S)
    browser.js("window.seen = []; window.source = new EventSource('/api/v1/events');"
               "source.addEventListener('snapshot',"
               " (event) => seen.push(JSON.parse(event.data).seq))")
    browser.wait("seen.length >= %d" % SNAPSHOTS, WAIT_S)
    assert_whole(browser.js("source.close(); return seen"))
    fields = stream_fields(browser)
    assert fields, "the page's own stream and ours"
    for one in fields:
        assert one["content-type"] == "text/event-stream"
        assert one["content-encoding"] == "gzip"
        assert "accept-encoding" in one["vary"].lower()
    browser.driver.delete_all_cookies()


@pytest.mark.parametrize("compressed", [True, False])
def test_curl_prints_events_as_they_come(demo, compressed):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    cookie = demo.log_in("admin", PASSWORD)[0]
    done = subprocess.run(["curl", "-sS", "-N", "-i", "--max-time", str(CURL_S), "-b", cookie,
                           *(["--compressed"] if compressed else []),
                           demo.url + "/api/v1/events"], capture_output=True, check=False)
    assert done.returncode == 28, done.stderr  # its time was over, and nothing else was wrong
    head, text = done.stdout.decode().replace("\r\n", "\n").split("\n\n", 1)
    assert ("content-encoding: gzip" in head.lower()) == compressed
    assert_whole(numbers(text))


def unchunk(stream):
    """The bytes of a chunked body as they come, until the other side is silent for WAIT_S."""
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        assert stream.readline() == b"\r\n"


def test_every_chunk_inflates_to_whole_events(demo):
    cookie = demo.log_in("admin", PASSWORD)[0]
    host, port = demo.url.removeprefix("http://").strip("/").rsplit(":", 1)
    with socket.create_connection((host, int(port)), WAIT_S) as link:
        link.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
                     "Accept-Encoding: gzip\r\n\r\n".encode())
        stream = link.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        inflater, text = zlib.decompressobj(31), ""
        for chunk in unchunk(stream):
            text += "".join(inflater.decompress(bytes([byte])).decode() for byte in chunk)
            assert text.endswith("\n\n"), "nothing is held back"
            if len(numbers(text)) >= SNAPSHOTS:
                break
    assert_whole(numbers(text))


def test_a_stream_of_a_log_out_is_a_whole_member(demo):
    cookie, csrf = demo.log_in("admin", PASSWORD)
    host, port = demo.url.removeprefix("http://").strip("/").rsplit(":", 1)
    with socket.create_connection((host, int(port)), WAIT_S) as link:
        link.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
                     "Accept-Encoding: gzip\r\n\r\n".encode())
        stream = link.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        assert demo.call("POST", "/logout", {}, cookie, csrf)[0] == 204
        inflater = zlib.decompressobj(31)
        for chunk in unchunk(stream):
            inflater.decompress(chunk)
        assert inflater.eof
