"""The real program as a demo without privileges, and what the tests do to it from outside."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build" / "sluice"))
NOBODY = 65534
PASSWORD = "a demo is no secret"


class Program:
    """`sluice demo` in a folder of its own; as nobody when the tests run as root."""

    def __init__(self, seed=7):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
        self.state = self.folder / "state"
        binary = self.folder / "sluice"  # nobody may not reach the build folder
        shutil.copy(BINARY, binary)
        command = [str(binary), "demo", "--listen", "127.0.0.1:0", "--state", str(self.state),
                   "--seed", str(seed)]
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            command = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY,
                       "--clear-groups", "--no-new-privs", *command]
        self.command = command
        self.log = open(self.folder / "log", "wb")  # pylint: disable=consider-using-with
        self._start()
        self.is_claimed = False  # the demo's first password is replaced

    def _start(self):
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self._read_url()

    def _end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(15) == 0
        self.process.stdout.close()

    def restart(self):
        """End it and start it again on the same state, at another port."""
        self._end()
        self._start()

    @contextlib.contextmanager
    def away(self):
        """Nobody answers meanwhile; afterwards it is back at the same port with the same state."""
        self._end()
        try:
            yield
        finally:
            at = self.command.index("--listen") + 1
            self.command[at] = self.url.split("//")[1].strip("/")
            self._start()

    def _read_url(self):
        for line in self.process.stdout:
            if line.startswith("listening on "):
                return line.split()[2]
        self.stop()
        raise AssertionError("the demo did not start: " + (self.folder / "log").read_text())

    def age(self):
        """Seconds since the start."""
        return time.monotonic() - self.started

    def stop(self):
        """End it, as Ctrl-C does; forget its state. Returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(15)
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return status

    def run(self, *arguments, typed=None):
        """One command of the same program; its output."""
        return subprocess.run([str(BINARY), *arguments, "--state", str(self.state)], check=True,
                              input=typed, capture_output=True, text=True, timeout=20).stdout

    def children(self):
        """Process ids of the roles, oldest first."""
        path = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]

    def front(self):
        """Process id of the role that holds the listener and serves."""
        held = [pid for pid in self.children() if self._listens(pid)]
        assert len(held) == 1, "one role listens"
        return held[0]

    def _listens(self, pid):
        port = int(self.url.rsplit(":", 1)[1].strip("/"))
        rows = pathlib.Path("/proc/%d/net/tcp" % pid).read_text().splitlines()[1:]
        inodes = {row.split()[9] for row in rows
                  if row.split()[1].endswith(":%04X" % port) and row.split()[3] == "0A"}
        links = [os.readlink(fd) for fd in pathlib.Path("/proc/%d/fd" % pid).iterdir()]
        return any("socket:[%s]" % inode in links for inode in inodes)

    def call(self, method, path, body=None, cookie="", csrf=""):
        """One API request; status, answer, Set-Cookie."""
        request = urllib.request.Request(
            self.url + "/api/v1" + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Cookie": cookie, "X-CSRF-Token": csrf})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return (answer.status, json.loads(answer.read() or b"null"),
                        answer.headers.get("Set-Cookie", ""))
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null"), ""

    def log_in(self, name, password):
        """A session over the API, as name=value of its cookie, and its CSRF token."""
        status, answer, cookie = self.call("POST", "/login",
                                           {"username": name, "password": password})
        assert status == 200, answer
        return cookie.split(";")[0], answer["csrf"]

    def claim(self):
        """Replace the demo's first password by PASSWORD."""
        cookie, csrf = self.log_in("admin", "admin")
        status, answer, _ = self.call("POST", "/password", {"old": "admin", "new": PASSWORD},
                                      cookie, csrf)
        assert status == 200, answer
        self.is_claimed = True


def until(happened, seconds=10):
    """Wait for what another process does; asks 20 times a second."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
