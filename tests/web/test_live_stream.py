"""Live events as clients take them: curl, and zlib fed byte by byte."""

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
