"""
A stand-in for sluice's web side: the API of docs/api.md over invented data, with the real CSP,
so that the pages can be built and tested alone. A development and test aid, never shipped.

usage: mock_server.py [--port 5050] [--role admin|analyst|viewer|none|setup] [--mode live|demo]
"""

import argparse
import gzip
import json
import mimetypes
import pathlib
import queue
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mock_routes import call
from mock_state import Refused, State

ROOT = pathlib.Path(__file__).resolve().parents[2] / "web"
DYGRAPHS = pathlib.Path("/usr/share/javascript/dygraphs")
VENDOR = {"/vendor/dygraphs.min.js": DYGRAPHS / "dygraph.min.js",
          "/vendor/dygraphs.css": DYGRAPHS / "dygraph.min.css"}
CSP = ("default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
       "report-uri /csp-report")
PAGES = re.compile(r"/(dashboard|flows|incidents(/\d+|/expected)?|blocks|login|logout|setup|password"
                   r"|hosts/[0-9a-fA-F.:]+|reports|settings|users|audit|backups|account|about"
                   r"|help(/search|/api)?)?$")
BODY_MAX = 65536


class Handler(BaseHTTPRequestHandler):
    """One request: a page, a file, an API call or the event stream."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body leave in two writes

    @property
    def state(self):
        """The server's one state."""
        return self.server.state

    def log_message(self, *_args):
        """Quiet: the tests read state.requests instead."""

    def send_body(self, status, body, content_type, headers=()):
        """Every answer, with the headers of the real server."""
        packed = gzip.compress(body, 6) if len(body) > 200 else None
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "same-origin")
        for name, value in headers:
            self.send_header(name, value)
        if packed:
            self.send_header("Content-Encoding", "gzip")
            body = packed
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.state.wire_bytes += len(body)

    def send_json(self, status, value, headers=()):
        """JSON, or nothing with 204."""
        body = b"" if value is None else json.dumps(value).encode()
        self.send_body(status, body, "application/json", headers)

    def send_file(self, path, status=200):
        """A file of web/, or a vendored one."""
        source = VENDOR.get(path, ROOT / path.lstrip("/"))
        kind = mimetypes.guess_type(source.name)[0] or "application/octet-stream"
        if kind in ("text/javascript", "application/javascript"):
            kind = "text/javascript"
        self.send_body(status, source.read_bytes(), kind + "; charset=utf-8")

    def do_GET(self):
        """Pages and files, then the API."""
        url = urlsplit(self.path)
        self.state.seen_hosts.add(self.headers.get("Host"))
        if self.state.down and url.path.startswith("/api/"):
            self.send_json(503, {"error": {"code": "down", "message": "Down.", "field": None}})
        elif url.path == "/api/v1/events":
            self.stream()
        elif url.path.startswith("/api/"):
            self.answer("GET", url)
        elif PAGES.match(url.path):
            self.send_file("/index.html")
        elif ".." not in url.path and (url.path in VENDOR or (ROOT / url.path[1:]).is_file()):
            self.send_file(url.path)
        else:
            self.send_file("/index.html", 404)

    def do_POST(self):
        """Changes, and CSP reports."""
        length = min(int(self.headers.get("Content-Length") or 0), BODY_MAX)
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        if url.path == "/csp-report":
            self.state.csp_reports.append(body.decode("utf-8", "replace"))
            self.send_json(204, None)
            return
        if self.headers.get("Content-Type") != "application/json":  # as the program does
            self.send_json(415, {"error": {"code": "content_type", "message": "The body must be "
                                           "application/json.", "field": None}})
            return
        is_text = url.path.endswith("/part")
        self.answer("POST", url, body.decode() if is_text else json.loads(body or b"{}"))

    def do_PUT(self):
        """Changes."""
        length = min(int(self.headers.get("Content-Length") or 0), BODY_MAX)
        self.answer("PUT", urlsplit(self.path), json.loads(self.rfile.read(length) or b"{}"))

    def do_DELETE(self):
        """Removals."""
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MAX))
        self.answer("DELETE", urlsplit(self.path))

    def answer(self, method, url, body=None):
        """One API call through the state's table."""
        if self.state.down:
            self.send_json(503, {"error": {"code": "down", "message": "Down.", "field": None}})
            return
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        path = url.path.removeprefix("/api/v1")
        if self.state.failing and path != "/session":
            self.send_json(500, {"error": {"code": "internal", "field": None, "request_id": "mock",
                                           "message": "Something went wrong in Sluice."}})
            return
        if method != "GET":
            self.state.requests.append((method, path, body, self.headers.get("X-CSRF-Token")))
        try:
            status, value = call(self.state, method, path, query, body)
        except Refused as refused:
            headers = [("Retry-After", str(refused.retry))] if refused.retry else []
            self.send_json(refused.status, {"error": {
                "code": refused.code, "message": refused.message, "field": refused.field,
                "request_id": "mock"}}, headers)
            return
        self.send_json(status, value)

    def stream(self):
        """Server-sent events until the browser leaves or the server is down."""
        if not self.state.user:
            self.send_json(401, {"error": {"code": "unauthorized", "message": "Log in."}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        mailbox = self.state.join()
        try:
            while not self.state.down:
                try:
                    name, data = mailbox.get(timeout=0.5)
                except queue.Empty:
                    continue
                text = "event: %s\ndata: %s\n\n" % (name, json.dumps(data))
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass  # the browser left
        finally:
            self.state.leave(mailbox)


class Server(ThreadingHTTPServer):
    """The mock on a port of its own, with its state and its ticking second."""

    daemon_threads = True

    def __init__(self, port=0, **options):
        super().__init__(("127.0.0.1", port), Handler)
        self.state = State(**options)
        self.url = "http://127.0.0.1:%d" % self.server_port
        self._ticking = True

    def tick(self):
        """One snapshot a second, as the real pipeline makes."""
        while self._ticking:
            self.state.tick()
            time.sleep(1)

    def start(self):
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self.tick, daemon=True).start()
        return self

    def rest(self):
        """No more seconds pass by themselves: a test publishes its own."""
        self._ticking = False

    def stop(self):
        """End both threads."""
        self.rest()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A browser that closes early is no error."""


def main():
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5050)
    parser.add_argument("--role", default="admin")
    parser.add_argument("--mode", default="demo")
    arguments = parser.parse_args()
    server = Server(arguments.port, role=arguments.role, mode=arguments.mode).start()
    print("listening on %s" % server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
