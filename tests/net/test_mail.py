"""Mail of a running demo, as a server with STARTTLS and a log-in gets it."""
import base64
import contextlib
import email
import email.policy
import hashlib
import os
import pathlib
import re
import shutil
import socketserver
import sqlite3
import ssl
import subprocess
import tempfile
import threading

import pytest

from hosts import SLUICE, wait_for
from test_demo import Demo

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and setpriv need root")

PASSWORD = "correct-horse-battery"


class Session(socketserver.StreamRequestHandler):
    """One SMTP session (RFC 5321, 3207, 4954)."""

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def start_tls(self):
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")

    def read_message(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            assert line.endswith(b"\r\n") and b"\r" not in line[:-2], line
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def handle(self):
        letter = {"tls": False, "login": None, "to": []}
        self.say("220 sink")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            self.server.seen.append((verb, letter["tls"]))
            if verb == "EHLO":
                offers = ["STARTTLS"] if self.server.offers_tls and not letter["tls"] else []
                self.say("\r\n".join(["250-sink", *("250-" + o for o in offers), "250 AUTH PLAIN"]))
            elif verb == "STARTTLS":
                self.say("220 go")
                self.start_tls()
                letter["tls"] = True
            elif verb == "AUTH":
                text = line.split(" ")[2] if line.count(" ") == 2 else None
                if text is None:
                    self.say("334 ")
                    text = self.rfile.readline().decode().strip()
                letter["login"] = base64.b64decode(text).split(b"\0")[1:]
                self.say("235 ok" if letter["login"][1] == PASSWORD.encode() else "535 no")
            elif verb == "RCPT":
                letter["to"].append(line[line.index("<") + 1:line.index(">")])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go")
                letter["message"] = email.message_from_bytes(self.read_message(),
                                                             policy=email.policy.default)
                if self.server.refuses:
                    self.say("550 5.7.1 no\r\n250 injected")
                    continue
                self.server.letters.append(letter)
                self.say("250 ok")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Sink(socketserver.ThreadingTCPServer):
    """Takes every letter into .letters."""
    daemon_threads = allow_reuse_address = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Session)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem",
                        "-out", folder / "ca.pem"], check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / "ca.pem", folder / "key.pem")
        self.letters, self.seen, self.offers_tls, self.refuses = [], [], True, False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up within TLS

    def wait(self, subject, patience):
        """The first letter whose subject has these words."""
        return wait_for(lambda: next((letter for letter in list(self.letters)
                                      if subject in letter["message"]["Subject"]), None),
                        patience, f"a mail: {subject}")


@pytest.fixture
def sink():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-net-mail-"))
    os.chmod(folder, 0o755)
    made = Sink(folder)
    made.config = folder / "sluice.conf"
    made.config.write_text(
        f"[Mail]\nurl = smtp://localhost:{made.server_address[1]}\nfrom = sluice@example.org\n"
        f"to = a@example.org, b@example.net\nuser = watch\npassword = {PASSWORD}\n"
        f"ca = {folder}/ca.pem\ndigest = 2s\n")
    yield made
    made.shutdown()
    made.server_close()
    shutil.rmtree(folder)


def mail_test(demo):
    done = subprocess.run([SLUICE, "mail", "test", "--state", demo.state], capture_output=True,
                          text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def start_again(demo, *arguments):
    """The same state, with two reports that were due at midnight."""
    demo.process.terminate()
    demo.process.wait(timeout=20)
    demo.process.stdout.close()
    with contextlib.closing(sqlite3.connect(f"{demo.state}/demo-main.db")) as db, db:
        db.execute("UPDATE report_schedules SET created_unix_ms = 0")
        db.execute("INSERT INTO report_schedules (kind, format, every, minute, zone, author,"
                   " created_unix_ms, last_due_unix_ms, recipients) SELECT 2, 1, every, minute, zone,"
                   " author, 0, 0, 'boss@one.example,night@two.example' FROM report_schedules")
    demo.process = subprocess.Popen(demo.process.args + list(arguments), stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
    demo.until_serving()


def check_letter(letter):
    assert letter["tls"] and letter["login"] == [b"watch", PASSWORD.encode()]
    assert letter["to"] == ["a@example.org", "b@example.net"]
    message = letter["message"]
    assert not message.defects and message["From"].addresses[0].addr_spec == "sluice@example.org"
    assert message["Date"].datetime and message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
    html = message.get_body(("html",)).get_content()
    assert text.splitlines()[0] in html and "<script" not in html
    return text


def test_tests_incidents_and_reports_arrive_or_say_why(sink):
    demo = Demo("--seed", "7")
    try:
        demo.until_serving()
        code, said = mail_test(demo)
        assert code and "No mail server is set" in said
        demo.json("report", "schedule", "executive", "--every", "daily", "--at", "00:00",
                  "--zone", "UTC", "--format", "pdf")
        refused = subprocess.run([SLUICE, "report", "schedule", "traffic", "--every", "daily",
                                  "--to", "a@b.example", "--state", demo.state], check=False,
                                 capture_output=True, text=True)
        assert refused.returncode == 1 and "No mail server is set" in refused.stderr
        start_again(demo, "-c", str(sink.config))
        refused = subprocess.run([SLUICE, "report", "schedule", "traffic", "--every", "daily", "--to",
                                  "a@b.example,-x", "--state", demo.state], check=False,
                                 capture_output=True, text=True)
        assert refused.returncode == 1 and "to is 1 to 20 mail addresses" in refused.stderr
        made = demo.json("report", "schedule", "traffic", "--every", "daily", "--at", "00:00",
                         "--zone", "UTC", "--to", "boss@one.example,night@two.example")
        assert made["to"] == "boss@one.example,night@two.example"

        assert mail_test(demo) == (0, "sent: the server took it\n")
        assert "This is a test" in check_letter(sink.wait("Test", 1))

        letter = sink.wait("Executive", 30)
        check_letter(letter)
        file = next(letter["message"].iter_attachments())
        report = next(row for row in demo.json("report", "list")["items"] if row["schedule_id"] == 1)
        assert file.get_content_type() == "application/pdf"
        assert file.get_filename() == f"sluice-report-{report['id']}.pdf"
        assert hashlib.sha256(file.get_content()).hexdigest() == report["sha256"]

        letter = sink.wait("Traffic", 10)  # of the schedule with recipients of its own
        assert letter["to"] == ["boss@one.example", "night@two.example"]
        assert [to.addr_spec for to in letter["message"]["To"].addresses] == letter["to"]

        text = check_letter(sink.wait("ort scan", 40))
        first = demo.json("incident", "show", re.search(r", incident (\d+)\n", text)[1])
        assert first["src_ip"] in text and first["title"] in text and first["reason"] in text

        sink.refuses = True
        code, said = mail_test(demo)
        assert code and "The server refused the message (550)." in said
        sink.offers_tls, sink.refuses = False, False
        sink.seen.clear()
        code, said = mail_test(demo)
        assert code and "offers no STARTTLS, so nothing was sent" in said
        assert not {verb for verb, _ in sink.seen} & {"AUTH", "MAIL", "DATA"}
        state = next(row for row in demo.json("outputs")["items"] if row["name"] == "mail")
        assert state["state"] == "down" and state["failures"] >= 2 and state["sent"] >= 3
        sink.offers_tls = True
        assert mail_test(demo)[0] == 0
    finally:
        demo.process.terminate()
        rest = demo.process.stdout.read()
        demo.close()
    assert PASSWORD not in rest and PASSWORD not in "".join(demo.output)
