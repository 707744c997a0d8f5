"""A mail server whose TLS or log-in fails, or that answers without end: it is said, costs a bounded
time, and the letters wait. Steps that it refuses one by one: tests/unit/util/test_smtp.c."""
import contextlib
import os
import pathlib
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time

import pytest

from hosts import wait_for
from test_demo import Demo
from test_mail import mail_test

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

HUGE = 16 << 20
DRIP_S = 75  # it has 20 s for its greeting; a busy machine more


def certificate(folder, name):
    """A key and a certificate for localhost that nobody else signed."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


class HangUp(Exception):
    """The session ends here."""


class Session(socketserver.StreamRequestHandler):
    """SMTP with STARTTLS and a log-in (RFC 5321, 3207, 4954); server.fault = (step, what)."""
    GOOD = {"greeting": "220 sink", "EHLO": "250-sink\r\n250-STARTTLS\r\n250 AUTH PLAIN",
            "STARTTLS": "220 go", "AUTH": "235 ok", "DATA": "354 go"}

    def say(self, step):
        """The answer of a step, or the fault that was ordered for it."""
        at, what = self.server.fault
        if step != at:
            what = self.GOOD.get(step, "250 ok")
        if what == "close":
            raise HangUp
        if what == "huge":  # one line without an end
            for _ in range(HUGE // 65536):
                self.wfile.write(b"2" * 65536)
            raise HangUp
        if what == "drip":
            while True:
                self.wfile.write(b"2")
                time.sleep(1)  # what is tested: a byte a second
        self.wfile.write(what.encode() + b"\r\n")
        self.wfile.flush()
        return what[0] in "23"

    def start_tls(self):
        """From here on nothing in the open."""
        context = self.server.wrong_tls if self.server.fault[0] == "trust" else self.server.tls
        self.request = context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")

    def take_message(self):
        """Up to the line with the dot."""
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.decode())
        if self.say("message"):
            self.server.letters.append("".join(lines))

    def handle(self):
        with contextlib.suppress(HangUp, OSError):
            self.say("greeting")
            while line := self.rfile.readline().decode().strip():
                verb = line.split(" ")[0].upper()
                self.server.seen.append(verb)
                if verb == "QUIT":
                    return
                if verb == "AUTH" and line.count(" ") == 1:
                    self.wfile.write(b"334 \r\n")
                    self.wfile.flush()
                    self.rfile.readline()
                if not self.say("EHLO" if verb == "HELO" else verb):
                    continue
                if verb == "STARTTLS":
                    self.start_tls()
                elif verb == "DATA":
                    self.take_message()


class Sink(socketserver.ThreadingTCPServer):
    """Takes letters, unless a fault is ordered."""
    daemon_threads = allow_reuse_address = True

    def __init__(self, folder):
        super().__init__(("localhost", 0), Session)
        self.tls, self.wrong_tls = certificate(folder, "right"), certificate(folder, "wrong")
        self.letters, self.seen, self.fault = [], [], ("", "")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up within TLS


def start(sink, folder, digest):
    """A demo that writes to it."""
    config = folder / f"{digest}.conf"
    config.write_text(f"[Mail]\nurl = smtp://localhost:{sink.server_address[1]}\n"
                      f"from = sluice@example.org\nto = a@example.org\nuser = watch\n"
                      f"password = a-password\nca = {folder}/right.pem\ndigest = {digest}\n")
    return Demo("--seed", "7", "-c", str(config)).until_serving()


@pytest.fixture(scope="module")
def place():
    """A sink and its folder."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-faults-"))
    os.chmod(folder, 0o755)
    sink = Sink(folder)
    yield sink, folder
    sink.shutdown()
    sink.server_close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def demo(place):
    """One whose only letters are tests."""
    made = start(*place, "7d")
    yield made
    made.close()


def mail(demo):
    """Its state, as the about page shows it."""
    return next(row for row in demo.json("outputs")["items"] if row["name"] == "mail")


@pytest.mark.parametrize("step, what, why", [
    ("STARTTLS", "454 4.7.0 not now", "offers no STARTTLS, so nothing was sent"),
    ("STARTTLS", "502 5.5.1 no", "offers no STARTTLS, so nothing was sent"),
    ("EHLO", "250-sink\r\n250 AUTH PLAIN", "offers no STARTTLS, so nothing was sent"),
    ("STARTTLS", "220 go\r\n250 injected", "turned this host away|not be understood"),
    ("trust", "", "certificate is not trusted"),
    ("AUTH", "535 5.7.8 no", "does not take this user and password"),
    ("AUTH", "454 4.7.0 not now", "does not take this user and password"),
    ("STARTTLS", "close", "hung up"), ("AUTH", "close", "hung up"), ("message", "close", "hung up"),
    ("greeting", "huge", "hung up"), ("EHLO", "huge", "hung up"), ("AUTH", "huge", "hung up"),
    ("MAIL", "530 5.7.0 log in first", "turned this host away (530)"),
    ("RCPT", "550 5.1.1 nobody", "refused the message (550)")])
def test_a_fault_is_said_at_once_and_no_password_leaves_without_tls(place, demo, step, what, why):
    sink, failures = place[0], mail(demo)["failures"]
    sink.fault = (step, what)
    sink.seen.clear()
    began = time.monotonic()
    status, said = mail_test(demo)
    assert status == 1 and any(part in said for part in why.split("|")), said
    assert time.monotonic() - began < 20
    if step in ("EHLO", "STARTTLS", "trust", "greeting"):
        assert not {"AUTH", "MAIL"} & set(sink.seen)
    state = mail(demo)
    assert state["state"] == "down" and state["failures"] > failures and state["error"] in said
    sink.fault = ("", "")
    assert mail_test(demo)[0] == 0 and mail(demo)["state"] == "up"


def test_a_byte_a_second_ends_and_hinders_nobody(place, demo):
    place[0].fault = ("greeting", "drip")
    failures, said = mail(demo)["failures"], []
    began = time.monotonic()
    click = threading.Thread(target=lambda: said.append(mail_test(demo)))
    click.start()
    while click.is_alive() and mail(demo)["failures"] == failures:
        assert demo.http("GET", "/healthz")[0] == 200
        assert time.monotonic() - began < DRIP_S
        click.join(1)
    click.join()
    assert mail(demo)["error"] == "The server did not answer in time.", said
    place[0].fault = ("", "")


def test_what_could_not_be_sent_waits_and_arrives_once(place):
    sink, folder = place
    sink.fault = ("message", "451 4.3.0 later")
    sink.letters.clear()
    made = start(sink, folder, "2s")
    try:
        wait_for(lambda: mail(made)["failures"] and mail(made)["waiting"], 60, "a letter waits")
        assert not sink.letters and mail(made)["dropped"] == 0
        sink.fault = ("", "")
        assert mail_test(made)[0] == 0  # it is tried before its pause is over
        wait_for(lambda: mail(made)["waiting"] == 0, 20, "none waits any more")
        wait_for(lambda: mail(made)["sent"] >= 2, 5, "they were taken")
        ids = [next(line for line in letter.splitlines() if line.startswith("Message-ID:"))
               for letter in sink.letters]
        assert len(ids) == len(set(ids)) == mail(made)["sent"] and mail(made)["dropped"] == 0
    finally:
        made.close()
